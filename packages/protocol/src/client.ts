// SPDX-License-Identifier: Apache-2.0
// The toolstack's end of the management channel, over any byte stream (a socket to QEMU, a serial port, a simulated
// link): sessions, typed requests, notices. Streams, blobs and waiting are in files of their own on top of this.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Codec } from "./codec.ts";
import { ChannelError, LinkLost, SessionLost } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { FrameDecoder, type ReceivedFrame } from "./frame.ts";
import {
  type HelloAnswer,
  type Notice,
  NoticeCodec,
  OPERATIONS,
  RefusalCodec,
  WIRE_KIND_ANSWER,
  WIRE_KIND_NOTICE,
  WIRE_MAX_BODY,
  WIRE_VERSION,
  WireStatus,
} from "./generated.ts";

/** What a client needs of a stream; a net.Socket has it. */
export interface ByteStream {
  write(bytes: Uint8Array): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  destroy?(): unknown;
}

/** One of OPERATIONS. */
export interface AnyOperation {
  readonly name: string;
  readonly number: number;
  readonly mutates: boolean;
  readonly request: Codec<object>;
  readonly requestTail: "none" | "bytes";
  readonly answer: Codec<object>;
  readonly answerTail: "none" | "bytes" | "records";
  readonly record: Codec<object>;
}

type ValueOf<C> = C extends Codec<infer T> ? T : never;

export interface Answer<O extends AnyOperation> {
  readonly answer: ValueOf<O["answer"]>;
  /** What followed it, of operations that answer records. */
  readonly records: readonly ValueOf<O["record"]>[];
  /** What followed it, of operations that answer bytes. */
  readonly bytes: Uint8Array;
}

export interface CallOptions {
  /** Bytes behind the request, of operations that take some. */
  readonly tail?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export interface ClientOptions {
  /** Until a request is sent again for the first time. */
  readonly resendMs?: number;
  /** Until a request fails. */
  readonly timeoutMs?: number;
  /** How often the hypervisor is asked where its streams end, which also keeps the session alive. */
  readonly pollMs?: number;
}

const DEFAULTS: Required<ClientOptions> = { resendMs: 500, timeoutMs: 15_000, pollMs: 2000 };
/** Enough for HELLO; the answer to it says the real one. */
const FIRST_WINDOW = 256;

export interface ChannelCounters {
  readonly good: number;
  readonly bad: number;
  readonly resent: number;
  /** Date.now() of the last good frame, 0 before. */
  readonly lastHeard: number;
}

export class ChannelClient {
  /** What the hypervisor is; set by hello(). */
  host: HelloAnswer | undefined;
  readonly #stream: ByteStream;
  readonly #options: Required<ClientOptions>;
  readonly #decoder = new FrameDecoder();
  readonly #exchange: Exchange;
  readonly #noticed = new Set<(notice: Notice) => void>();
  readonly #ended = new Set<(why: Error) => void>();
  #lastHeard = 0;
  #poller: AbortController | undefined;
  /** Why nothing can be asked now: no session, or no link. */
  #obstacle: Error | undefined = new SessionLost("there is no session: call hello() first");

  constructor(stream: ByteStream, options: ClientOptions = {}) {
    this.#stream = stream;
    this.#options = { ...DEFAULTS, ...options };
    this.#exchange = new Exchange({ write: (bytes) => stream.write(bytes), resendMs: this.#options.resendMs });
    stream.on("data", (bytes) => this.#receive(bytes));
    stream.on("error", (error) => this.#end(new LinkLost(`the link to the hypervisor broke: ${error.message}`)));
    stream.on("close", () => this.#end(new LinkLost()));
  }

  get counters(): ChannelCounters {
    const { frames, bad } = this.#decoder;
    return { good: frames, bad, resent: this.#exchange.resent, lastHeard: this.#lastHeard };
  }

  /** Begins a session and ends whatever session there was: its blobs go unless guests hold them. */
  async hello(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<HelloAnswer> {
    if (this.#obstacle instanceof LinkLost) throw this.#obstacle;
    const session = randomBytes(4).readUInt32LE() || 1;
    this.#poller?.abort();
    this.#exchange.begin(session, FIRST_WINDOW, new SessionLost("another session was begun"));
    this.#obstacle = undefined;
    try {
      const { answer } = await this.call(OPERATIONS.Hello, { version: WIRE_VERSION }, options);
      if (answer.version !== WIRE_VERSION) {
        const versions = `the hypervisor speaks version ${answer.version} of the channel, this toolstack ${WIRE_VERSION}`;
        throw new Error(`${versions}: use a toolstack of release ${answer.release}`);
      }
      this.host = answer;
      this.#exchange.window = answer.window;
      void this.#poll();
      return answer;
    } catch (error) {
      this.#obstacle ??= new SessionLost("there is no session: hello failed");
      throw error;
    }
  }

  /** One request. ChannelError when the hypervisor refuses it. */
  async call<O extends AnyOperation>(
    operation: O,
    request: ValueOf<O["request"]>,
    options: CallOptions = {},
  ): Promise<Answer<O>> {
    if (this.#obstacle) throw this.#obstacle;
    const frame = await this.#exchange.request({
      operation: operation.number,
      name: operation.name,
      mutates: operation.mutates,
      body: encodeBody(operation, request as object, options.tail),
      timeoutMs: options.timeoutMs ?? this.#options.timeoutMs,
      signal: options.signal,
    });
    if (operation.number === OPERATIONS.Poll.number && frame.status === 0) this.#notice(frame.body);
    return decodeAnswer(operation, frame);
  }

  /** Hears where streams end, whenever the hypervisor says so. Answers what to call to hear no more. */
  onNotice(listener: (notice: Notice) => void): () => void {
    this.#noticed.add(listener);
    return () => void this.#noticed.delete(listener);
  }

  /** Hears, once per session, why it ended: SessionLost or LinkLost. */
  onEnd(listener: (why: Error) => void): () => void {
    this.#ended.add(listener);
    return () => void this.#ended.delete(listener);
  }

  /** Ends the session, if there is one, and closes the stream. */
  async close(): Promise<void> {
    if (!this.#obstacle) await this.call(OPERATIONS.Bye, {}, { timeoutMs: 500 }).catch(() => undefined);
    this.#end(new LinkLost("the link was closed"));
    this.#stream.destroy?.();
  }

  async #poll(): Promise<void> {
    const poller = new AbortController();
    this.#poller = poller;
    const { signal } = poller;
    while (!signal.aborted) {
      await sleep(this.#options.pollMs, undefined, { signal, ref: false }).catch(() => undefined);
      // A poll that is not answered is no reason to give up: the host may be very busy.
      if (!signal.aborted) await this.call(OPERATIONS.Poll, {}, { signal }).catch(() => undefined);
    }
  }

  #receive(bytes: Uint8Array): void {
    for (const frame of this.#decoder.push(bytes)) {
      if (frame.version !== WIRE_VERSION || frame.session !== this.#exchange.session || this.#obstacle) continue;
      this.#lastHeard = Date.now();
      if (frame.kind === WIRE_KIND_NOTICE) this.#notice(frame.body);
      if (frame.kind !== WIRE_KIND_ANSWER) continue;
      if (frame.status === WireStatus.Session) this.#end(new SessionLost());
      else this.#exchange.answer(frame);
    }
  }

  #notice(body: Uint8Array): void {
    if (body.length < NoticeCodec.size) return;
    const notice = NoticeCodec.decode(viewOf(body), 0);
    for (const listener of [...this.#noticed]) listener(notice);
  }

  #end(why: Error): void {
    const before = this.#obstacle;
    if (before instanceof LinkLost) return;
    this.#obstacle = why;
    this.#poller?.abort();
    this.#exchange.fail(why);
    if (!before || why instanceof LinkLost) for (const listener of [...this.#ended]) listener(why);
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function encodeBody(operation: AnyOperation, request: object, tail: Uint8Array = new Uint8Array()): Uint8Array {
  const { size } = operation.request;
  const most = operation.requestTail === "bytes" ? WIRE_MAX_BODY - size : 0;
  if (tail.length > most) throw new RangeError(`${operation.name} takes at most ${most} bytes, not ${tail.length}`);
  const body = new Uint8Array(size + tail.length);
  operation.request.encode(request, viewOf(body), 0);
  body.set(tail, size);
  return body;
}

function decodeAnswer<O extends AnyOperation>(operation: O, frame: ReceivedFrame): Answer<O> {
  const { body, status } = frame;
  const { size } = operation.answer;
  if (status < 0) throw new ChannelError(operation.name, status, refusalWords(operation, body));
  const whole = body.length >= size;
  const answer = whole ? operation.answer.decode(viewOf(body), 0) : {};
  if (!whole)
    throw new ChannelError(operation.name, WireStatus.Malformed, `the answer to ${operation.name} is cut off`);
  const tail = body.subarray(size);
  const records: object[] = [];
  if (operation.answerTail === "records") {
    const { record } = operation;
    for (let at = 0; at + record.size <= tail.length; at += record.size) records.push(record.decode(viewOf(tail), at));
  }
  return {
    answer: answer as ValueOf<O["answer"]>,
    records: records as ValueOf<O["record"]>[],
    bytes: operation.answerTail === "bytes" ? tail : new Uint8Array(),
  };
}

/** Why, if the hypervisor said it: a Refusal stands in place of the answer; a Created has words of its own. */
function refusalWords(operation: AnyOperation, body: Uint8Array): string {
  const codec: Codec<object> = operation.number === OPERATIONS.Create.number ? operation.answer : RefusalCodec;
  if (body.length < codec.size) return "";
  const refusal = codec.decode(viewOf(body), 0);
  return "words" in refusal && typeof refusal.words === "string" ? refusal.words : "";
}
