// SPDX-License-Identifier: Apache-2.0
// A hypervisor's end of the channel, without a hypervisor: sessions, frames, repeated answers and notices as the protocol
// says, for tests of clients. What the operations do is in operations.ts.
import type { AnyOperation, ByteStream } from "../client.ts";
import { wireCost } from "../exchange.ts";
import { encodeFrame, FrameDecoder, type ReceivedFrame } from "../frame.ts";
import {
  NoticeCodec,
  RefusalCodec,
  OPERATIONS,
  WIRE_KIND_ANSWER,
  WIRE_KIND_NOTICE,
  WIRE_KIND_REQUEST,
  WireStatus,
} from "../generated.ts";
import { FakeGuests } from "./guests.ts";
import { type Handler, makeHandlers } from "./operations.ts";

export interface FakeOptions {
  readonly window?: number;
  /** Milliseconds until an answer goes out; none when absent. */
  readonly delay?: (frame: ReceivedFrame) => number;
  /** What the description blob of a create says the guest's name is; the blob as text when absent. */
  readonly nameOf?: (description: Uint8Array) => string;
}

export interface Done {
  readonly operation: string;
  readonly sequence: number;
}

const BY_NUMBER = new Map<number, AnyOperation>(
  Object.values(OPERATIONS).map((operation) => [operation.number, operation]),
);
const encode = <T>(
  codec: { size: number; encode(value: T, view: DataView, at: number): void },
  value: T,
): Uint8Array => {
  const bytes = new Uint8Array(codec.size);
  codec.encode(value, new DataView(bytes.buffer), 0);
  return bytes;
};

export class FakeHypervisor {
  session = 0;
  /** Every operation that was carried out, not those whose answer was repeated. */
  readonly done: Done[] = [];
  /** Most bytes that were unanswered at a time. */
  mostUnderWay = 0;
  readonly window: number;
  readonly guests: FakeGuests;
  readonly decoder = new FrameDecoder();
  /** Operations that are not answered, by name. */
  readonly mute = new Set<string>();
  readonly #options: FakeOptions;
  readonly #handlers: Readonly<Record<string, Handler>>;
  #stream: ByteStream | undefined;
  #last: { sequence: number; answer: Uint8Array } | undefined;
  #noticed = false;
  #underWay = 0;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.window = options.window ?? 16384;
    this.guests = new FakeGuests(() => this.#news(), options.nameOf);
    this.#handlers = makeHandlers(this);
  }

  /** Serves this stream from now on. */
  attach(stream: ByteStream): void {
    this.#stream = stream;
    stream.on("data", (bytes) => {
      for (const frame of this.decoder.push(bytes)) this.#receive(frame, wireCost(frame.body.length));
    });
    stream.on("error", () => undefined);
  }

  /** As a reset of the machine: no session, no guests, streams that begin at 0. */
  reset(): void {
    this.session = 0;
    this.#last = undefined;
    this.#noticed = false;
    this.guests.clear();
  }

  #receive(frame: ReceivedFrame, cost: number): void {
    this.#underWay += cost;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    const wait = this.#options.delay?.(frame) ?? 0;
    const answer = () => {
      this.#underWay -= cost;
      this.#answer(frame);
    };
    if (wait > 0) setTimeout(answer, wait);
    else answer();
  }

  #answer(frame: ReceivedFrame): void {
    const operation = BY_NUMBER.get(frame.operation);
    if (frame.kind !== WIRE_KIND_REQUEST) return;
    if (operation && this.mute.has(operation.name)) return;
    if (!operation) return this.#send(this.#frame(frame, WireStatus.Unsupported, new Uint8Array()));
    if (operation.name === "Hello") this.#begin(frame.session);
    else if (frame.session !== this.session)
      return this.#send(this.#frame(frame, WireStatus.Session, new Uint8Array()));
    if (operation.name === "Read" || operation.name === "Poll") this.#noticed = false;
    if (operation.mutates && this.#last && frame.sequence <= this.#last.sequence) {
      const same = frame.sequence === this.#last.sequence;
      return this.#send(same ? this.#last.answer : this.#frame(frame, WireStatus.Stale, new Uint8Array()));
    }
    const answer = this.#perform(operation, frame);
    if (operation.mutates) this.#last = { sequence: frame.sequence, answer };
    this.#send(answer);
  }

  #begin(session: number): void {
    if (session === this.session) return;
    this.session = session;
    this.#last = undefined;
    this.#noticed = false;
    this.guests.dropBlobs();
  }

  #perform(operation: AnyOperation, frame: ReceivedFrame): Uint8Array {
    const { body } = frame;
    const { size } = operation.request;
    if (body.length < size || (operation.requestTail === "none" && body.length > size))
      return this.#frame(frame, WireStatus.Malformed, new Uint8Array());
    const request = operation.request.decode(new DataView(body.buffer, body.byteOffset, body.byteLength), 0);
    this.done.push({ operation: operation.name, sequence: frame.sequence });
    const result = this.#handlers[operation.name]?.(request as never, body.subarray(size));
    if (!result) return this.#frame(frame, WireStatus.Unsupported, new Uint8Array());
    const parts = [
      ...(result.refusal === undefined ? [] : [encode(RefusalCodec, { words: result.refusal })]),
      ...(result.answer ? [encode(operation.answer, result.answer)] : []),
      ...(result.records ?? []).map((record) => encode(operation.record, record)),
      ...(result.bytes ? [result.bytes] : []),
    ];
    return this.#frame(frame, result.status ?? 0, new Uint8Array(Buffer.concat(parts)));
  }

  #frame({ session, sequence, operation }: ReceivedFrame, status: number, body: Uint8Array): Uint8Array {
    return encodeFrame({ kind: WIRE_KIND_ANSWER, session, sequence, operation, status, body });
  }

  #send(wire: Uint8Array): void {
    this.#stream?.write(wire);
  }

  #news(): void {
    if (this.#noticed || this.session === 0) return;
    this.#noticed = true;
    const body = encode(NoticeCodec, this.guests.notice());
    this.#send(encodeFrame({ kind: WIRE_KIND_NOTICE, session: this.session, sequence: 0, operation: 0, body }));
  }
}
