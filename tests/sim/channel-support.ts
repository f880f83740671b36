// SPDX-License-Identifier: Apache-2.0
// The toolstack's end of the management channel in the simulated machine, one request at a time: asks, runs the machine
// until the answer is there, decodes it. And guests that write to and read from their UART.
import { createHash } from "node:crypto";
import {
  type AnyOperation,
  type Codec,
  crc32,
  encodeFrame,
  FrameDecoder,
  type Notice,
  NoticeCodec,
  OPERATIONS,
  type ReceivedFrame,
  RefusalCodec,
  WireStream,
} from "@typeone/protocol";
import {
  compute,
  type Cpu,
  ecall,
  EID,
  type GuestCode,
  load,
  Machine,
  type MachineOptions,
  program,
  TIMEBASE,
  store,
  writeBytes,
} from "@typeone/sim";
import { deviceAt, domain, readTree, sleep } from "./support.ts";

type ValueOf<C> = C extends Codec<infer T> ? T : never;

export interface Reply<O extends AnyOperation> {
  readonly status: number;
  readonly answer: ValueOf<O["answer"]>;
  readonly records: readonly ValueOf<O["record"]>[];
  readonly bytes: Uint8Array;
  readonly words: string;
  readonly frame: ReceivedFrame;
}

export interface AskOptions {
  readonly tail?: Uint8Array;
  readonly session?: number;
  readonly sequence?: number;
  /** Replaces the encoded request. */
  readonly body?: Uint8Array;
  readonly maxSteps?: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
/** Ticks between two looks of a guest at what it waits for. */
export const PATIENCE = 20_000;
export const SECOND = BigInt(TIMEBASE);
export const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

export class Toolstack {
  readonly machine: Machine;
  readonly frames: ReceivedFrame[] = [];
  readonly decoder = new FrameDecoder();
  session: number;
  sequence = 0;
  readonly #uart: boolean;
  #seen: number;

  constructor(machine: Machine, session = 0x1234, link: "virtio" | "uart" = "virtio") {
    this.machine = machine;
    this.session = session;
    this.#uart = link === "uart";
    this.#seen = machine.console.length;
  }

  raw(bytes: Uint8Array): void {
    if (this.#uart) this.machine.devices.uart.inject(textOf(bytes));
    else this.machine.channel.send(bytes);
  }

  pump(): void {
    const { console } = this.machine;
    const bytes = this.#uart ? latin(console.slice(this.#seen)) : this.machine.channel.take();
    this.#seen = console.length;
    this.frames.push(...this.decoder.push(bytes));
  }

  get notices(): Notice[] {
    return this.frames.filter(({ kind }) => kind === 3).map(({ body }) => NoticeCodec.decode(view(body), 0));
  }

  /** Sends a request and answers its sequence. */
  send<O extends AnyOperation>(
    operation: O,
    request: Partial<ValueOf<O["request"]>>,
    options: AskOptions = {},
  ): number {
    const sequence = options.sequence ?? ++this.sequence;
    const size = operation.request.size;
    const body = options.body ?? new Uint8Array(size + (options.tail?.length ?? 0));
    if (!options.body) {
      operation.request.encode(withZeros(operation.request, request), view(body), 0);
      body.set(options.tail ?? new Uint8Array(), size);
    }
    const session = options.session ?? this.session;
    this.raw(encodeFrame({ kind: 1, session, sequence, operation: operation.number, body }));
    return sequence;
  }

  /** Sends it and runs the machine until its answer is there. */
  ask<O extends AnyOperation>(
    operation: O,
    request: Partial<ValueOf<O["request"]>>,
    options: AskOptions = {},
  ): Reply<O> {
    const from = this.frames.length;
    const sequence = this.send(operation, request, options);
    let frame: ReceivedFrame | undefined;
    this.machine.runUntil(
      () => {
        this.pump();
        frame = this.frames.slice(from).find((each) => each.kind === 2 && each.sequence === sequence);
        return frame !== undefined;
      },
      { maxSteps: options.maxSteps ?? 50_000 },
    );
    return decode(operation, frame as unknown as ReceivedFrame);
  }

  hello(session = this.session): Reply<typeof OPERATIONS.Hello> {
    this.session = session;
    return this.ask(OPERATIONS.Hello, { version: 1 });
  }

  read(index: number, position: number, most = 4096): Reply<typeof OPERATIONS.Read> {
    return this.ask(OPERATIONS.Read, { stream: WireStream.Console, index, position, most });
  }

  host(): ValueOf<(typeof OPERATIONS.HostInfo)["answer"]> {
    return this.ask(OPERATIONS.HostInfo, {}).answer;
  }

  /** Lets `ticks` pass, or less if nothing is left to happen. */
  wait(ticks: bigint, maxSteps = 200_000): void {
    this.machine.run(() => (this.pump(), false), { maxTime: ticks, maxSteps });
    this.pump();
  }
}

/** Fields that a test does not name are 0: what zeroed bytes decode to. */
function withZeros<T>(codec: Codec<T>, request: Partial<T>): T {
  return { ...codec.decode(new DataView(new ArrayBuffer(codec.size)), 0), ...request };
}

function decode<O extends AnyOperation>(operation: O, frame: ReceivedFrame): Reply<O> {
  const { body, status } = frame;
  const { answer, record } = operation;
  const words = status !== 0 && body.length === RefusalCodec.size ? RefusalCodec.decode(view(body), 0).words : "";
  const tail = body.subarray(answer.size);
  const records: unknown[] = [];
  const size = operation.answerTail === "records" ? record.size : 0;
  for (let at = 0; size > 0 && at + size <= tail.length; at += size) records.push(record.decode(view(tail), at));
  return {
    status,
    answer: (body.length >= answer.size ? answer.decode(view(body), 0) : {}) as ValueOf<O["answer"]>,
    records: records as ValueOf<O["record"]>[],
    bytes: tail,
    words,
    frame,
  };
}

/** A booted machine with a channel. */
export async function channelMachine(options: MachineOptions = {}): Promise<Machine> {
  const machine = (await Machine.create({ channel: "modern", ...options })).boot();
  machine.run(() => false, { maxSteps: 3000 });
  return machine;
}

/** The base address of the guest's UART. */
export function* uartOf(cpu: Cpu): GuestCode<bigint> {
  return deviceAt(yield* readTree(cpu), "ns16550a");
}

/** Sends bytes by polling, as a driver that waits for the transmitter. */
export function* say(uart: bigint, bytes: Uint8Array): GuestCode {
  for (const byte of bytes) {
    for (;;) {
      const { value } = yield* load(uart + 5n, 1);
      if ((value & 0x20n) !== 0n) break;
      yield* compute(PATIENCE);
    }
    yield* store(uart, 1, byte);
  }
}

/** Sends bytes with calls of the debug console, many at once. */
export function* sayFast(buffer: bigint, bytes: Uint8Array): GuestCode {
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + 256);
    yield* writeBytes(buffer, piece);
    const { value } = yield* ecall(EID.dbcn, 0n, BigInt(piece.length), buffer, 0n);
    at += Number(value);
    if (value === 0n) yield* compute(10 * PATIENCE);
  }
}

/** Takes one byte if there is one, else -1. */
export function* hear(uart: bigint): GuestCode<number> {
  const { value } = yield* load(uart + 5n, 1);
  return value & 1n ? Number((yield* load(uart, 1)).value) : -1;
}

const quiet = program({
  *boot(cpu) {
    cpu.guest.log.push("up");
    yield* sleep();
  },
});

/** Two guests that do nothing, and a toolstack that has not said HELLO yet. */
export async function quietMachine(): Promise<{ machine: Machine; tool: Toolstack }> {
  const machine = await channelMachine({ domains: [domain("one", quiet), domain("two", quiet)] });
  machine.runUntil(() => machine.guests.every(({ log }) => log.includes("up")));
  return { machine, tool: new Toolstack(machine) };
}

/** What the soak test compares: everything that guests and sessions can take. */
export function holdings(tool: Toolstack) {
  const { memoryFree, tablesFree, tablesTotal, timersArmed, blobs, lines, entities, guests, ownFree } = tool.host();
  return { memoryFree, tablesFree, tablesTotal, timersArmed, blobs, lines, entities, guests, ownFree };
}

export function openRequest(bytes: Uint8Array) {
  const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
  return { size: BigInt(bytes.length), crc: crc32(bytes), digest };
}

export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => ((at * seed) >> 2) & 0xff);
}

/** Sends a blob whole; answers its number. */
export function upload(tool: Toolstack, bytes: Uint8Array): number {
  const { answer, status } = tool.ask(OPERATIONS.BlobOpen, openRequest(bytes));
  if (status !== 0) throw new Error(`BlobOpen answers ${status}`);
  for (let at = 0; at < bytes.length; at += 4080) {
    const tail = bytes.subarray(at, at + 4080);
    if (tool.ask(OPERATIONS.BlobWrite, { id: answer.id, position: BigInt(at) }, { tail }).status !== 0)
      throw new Error("BlobWrite is refused");
  }
  return answer.id;
}
