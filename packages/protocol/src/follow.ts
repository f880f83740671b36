// SPDX-License-Identifier: Apache-2.0
// A stream of the hypervisor's (console, log, events, trace) as an async iterable: pulled from a position on, waiting for
// notices when there is nothing new. Since the client says what it wants, a lost frame or a new session costs nothing:
// go on at the position that was reached.
import type { ChannelClient } from "./client.ts";
import { type Notice, OPERATIONS, ReadAnswerCodec, WIRE_MAX_BODY, WireStream } from "./generated.ts";

export interface FollowOptions {
  /** Guest id of a console, hart of a trace; 0 when absent. */
  readonly index?: number;
  /** Of a console: the guest's; 0 takes whichever. */
  readonly generation?: number;
  /** Where to begin; the oldest that there is when absent. */
  readonly position?: number;
  /** Bytes that a position counts: 1, or a record's. */
  readonly unit?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** How long to wait at most before looking again; for a stream that no notice tells of, as the trace. */
  readonly pollMs?: number;
  /** "now" ends it at what is there already. */
  readonly until?: "now" | "forever";
}

export interface Chunk {
  /** Where `bytes` begin, and where the stream goes on behind them. */
  readonly position: number;
  readonly next: number;
  readonly bytes: Uint8Array;
  /** Units that were gone already between the last chunk and this one. */
  readonly skipped: number;
  /** Units that the hypervisor lost for good so far. */
  readonly lost: number;
}

const POLL_MS = 2000;
const MOST = WIRE_MAX_BODY - ReadAnswerCodec.size;

/** Chunks until `signal`, or an error: the session's end, or a guest that is gone (ChannelError NotFound). */
export async function* follow(
  client: ChannelClient,
  stream: number,
  options: FollowOptions = {},
): AsyncGenerator<Chunk, void, undefined> {
  const { index = 0, generation = 0, unit = 1, signal, until = "forever" } = options;
  const most = Math.floor(MOST / unit) * unit;
  const news = new News(client, stream, index);
  let position = options.position ?? 0;
  let first = true;
  try {
    while (!signal?.aborted) {
      news.forget();
      const request = { stream, index, generation, position, most };
      const { answer, bytes } = await client.call(OPERATIONS.Read, request, { signal });
      const count = Math.floor(bytes.length / unit);
      if (count > 0) {
        const skipped = first && options.position === undefined ? 0 : gap(position, answer.position);
        first = false;
        position = (answer.position + count) >>> 0;
        yield { position: answer.position, next: position, bytes, skipped, lost: answer.lost };
        if (position !== answer.end) continue;
      } else {
        // A stream that began anew ends before where we were.
        position = answer.position;
      }
      if (until === "now") return;
      await news.wait(options.pollMs ?? POLL_MS, signal);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    news.close();
  }
}

/** Units between two positions; 0 when the second one is not ahead: the stream began anew. */
function gap(from: number, to: number): number {
  const ahead = (to - from) >>> 0;
  return ahead < 0x8000_0000 ? ahead : 0;
}

/** Notices that are about one stream. */
class News {
  readonly #unlisten: readonly (() => void)[];
  readonly #about: (notice: Notice) => unknown;
  #seen: unknown;
  #fresh = false;
  #wake: () => void = () => undefined;

  constructor(client: ChannelClient, stream: number, index: number) {
    this.#about = aboutStream(stream, index);
    const ring = () => {
      this.#fresh = true;
      this.#wake();
    };
    const onNotice = (notice: Notice) => {
      const value = this.#about(notice);
      if (value === undefined || value === this.#seen) return;
      if (typeof value === "number") this.#seen = value;
      ring();
    };
    this.#unlisten = [client.onNotice(onNotice), client.onEnd(ring)];
  }

  /** What comes from now on is news. */
  forget(): void {
    this.#fresh = false;
  }

  wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (this.#fresh || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), milliseconds);
      timer.unref();
      const wake = () => this.#wake();
      signal?.addEventListener("abort", wake, { once: true });
      this.#wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#wake = () => undefined;
        resolve();
      };
    });
  }

  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
  }
}

/** What of a notice is about a stream: its end, true for a console that has bytes; undefined if nothing. */
function aboutStream(stream: number, index: number): (notice: Notice) => number | true | undefined {
  switch (stream) {
    case WireStream.Console:
      return ({ consoles }) => ((consoles >> BigInt(index)) & 1n ? true : undefined);
    case WireStream.Log:
      return ({ log }) => log;
    case WireStream.Events:
      return ({ events }) => events;
    default:
      return () => undefined;
  }
}
