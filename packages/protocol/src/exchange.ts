// SPDX-License-Identifier: Apache-2.0
// Requests under way on one byte stream: numbers them, keeps their bytes within the hypervisor's window, sends one again
// until its answer comes or its time is up, and lets only one at a time change something. Used by client.ts, which knows
// what the bodies mean.
import { setMaxListeners } from "node:events";
import { ChannelTimeout } from "./errors.ts";
import { encodeFrame, type ReceivedFrame } from "./frame.ts";
import { WIRE_CRC, WIRE_HEADER, WIRE_KIND_REQUEST } from "./generated.ts";

export interface Request {
  readonly operation: number;
  /** The operation's name, for messages. */
  readonly name: string;
  readonly mutates: boolean;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Entry extends Request {
  resolve(frame: ReceivedFrame): void;
  reject(error: Error): void;
  /** "done" has its caller's answer already (given up), but its bytes may still be under way. */
  stage: "queued" | "sent" | "done";
  sequence: number;
  wire: Uint8Array | undefined;
  /** Bytes that it takes of the window. */
  readonly cost: number;
  timer: NodeJS.Timeout | undefined;
  deadline: number;
  unlisten(): void;
}

export interface ExchangeOptions {
  write(bytes: Uint8Array): void;
  /** Milliseconds until a request is sent again; doubled each time, three times. */
  readonly resendMs: number;
}

/** Most bytes on the wire of a frame with this body. */
export function wireCost(bodyBytes: number): number {
  const content = WIRE_HEADER + bodyBytes + WIRE_CRC;
  return content + Math.floor(content / 254) + 3;
}

export class Exchange {
  session = 0;
  /** Most unanswered bytes. */
  window = 0;
  /** Frames that were sent again. */
  resent = 0;
  readonly #options: ExchangeOptions;
  readonly #queue: Entry[] = [];
  readonly #sent = new Map<number, Entry>();
  #sequence = 0;
  #underWay = 0;
  #changing: Entry | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Begins anew: what was under way is rejected with `error`. */
  begin(session: number, window: number, error: Error): void {
    this.fail(error);
    this.session = session;
    this.window = window;
    this.#sequence = 0;
  }

  /** Resolves with the answer, whatever its status. */
  request(request: Request): Promise<ReceivedFrame> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      const aborted = () => (signal?.reason instanceof Error ? signal.reason : new Error("given up"));
      if (signal?.aborted) {
        reject(aborted());
        return;
      }
      const onAbort = () => this.#giveUp(entry, aborted());
      // As many requests as one likes may hang on one signal.
      if (signal) setMaxListeners(0, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      const entry: Entry = {
        ...request,
        resolve,
        reject,
        stage: "queued",
        sequence: 0,
        wire: undefined,
        cost: wireCost(request.body.length),
        timer: undefined,
        deadline: Date.now() + request.timeoutMs,
        unlisten: () => signal?.removeEventListener("abort", onAbort),
      };
      entry.timer = setTimeout(() => this.#expire(entry), request.timeoutMs);
      this.#queue.push(entry);
      this.#pump();
    });
  }

  /** An answer of this session; one that nobody waits for (it came twice) is dropped. */
  answer(frame: ReceivedFrame): void {
    const entry = this.#sent.get(frame.sequence);
    if (!entry || entry.operation !== frame.operation) return;
    this.#forget(entry);
    if (entry.stage !== "done") entry.resolve(frame);
    this.#pump();
  }

  /** Rejects everything. */
  fail(error: Error): void {
    const all = [...this.#queue.splice(0), ...this.#sent.values()];
    for (const entry of all) {
      this.#forget(entry);
      if (entry.stage !== "done") entry.reject(error);
    }
  }

  #pump(): void {
    for (let at = 0; at < this.#queue.length;) {
      const entry = this.#queue[at] as Entry;
      if (entry.mutates && this.#changing) {
        at++;
        continue;
      }
      if (this.#underWay > 0 && this.#underWay + entry.cost > this.window) return;
      this.#queue.splice(at, 1);
      this.#send(entry);
    }
  }

  #send(entry: Entry): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    entry.sequence = this.#sequence;
    entry.stage = "sent";
    this.#underWay += entry.cost;
    if (entry.mutates) this.#changing = entry;
    this.#sent.set(entry.sequence, entry);
    const { operation, sequence, body } = entry;
    entry.wire = encodeFrame({ kind: WIRE_KIND_REQUEST, session: this.session, sequence, operation, body });
    this.#options.write(entry.wire);
    this.#again(entry, this.#options.resendMs);
  }

  /** Waits for the answer; then sends the same frame again, or ends it. */
  #again(entry: Entry, wait: number): void {
    clearTimeout(entry.timer);
    const left = entry.deadline - Date.now();
    if (left <= wait) {
      entry.timer = setTimeout(() => this.#expire(entry), Math.max(left, 0));
      return;
    }
    entry.timer = setTimeout(() => {
      if (entry.wire && entry.stage === "sent") {
        this.resent++;
        this.#options.write(entry.wire);
      }
      this.#again(entry, Math.min(wait * 2, this.#options.resendMs * 8));
    }, wait);
  }

  #expire(entry: Entry): void {
    this.#forget(entry);
    if (entry.stage !== "done") entry.reject(new ChannelTimeout(entry.name, entry.timeoutMs));
    this.#pump();
  }

  /** The caller wants it no more. What is sent stays in the books until it is answered, so that the window is right. */
  #giveUp(entry: Entry, error: Error): void {
    if (entry.stage === "queued") this.#forget(entry);
    else if (entry.stage === "done") return;
    entry.stage = "done";
    entry.reject(error);
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.unlisten();
    const at = this.#queue.indexOf(entry);
    if (at >= 0) this.#queue.splice(at, 1);
    if (!this.#sent.delete(entry.sequence)) return;
    this.#underWay -= entry.cost;
    if (this.#changing === entry) this.#changing = undefined;
  }
}
