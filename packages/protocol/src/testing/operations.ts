// SPDX-License-Identifier: Apache-2.0
// What each operation of the hypervisor that is none does and answers.
import type {
  BlobHandle,
  BlobOpen,
  BlobWrite,
  Create,
  From,
  GuestAction,
  GuestHandle,
  HostAction,
  MemoryRead,
  Read,
  TraceControl,
  VcpuAction,
  VcpuCount,
  VcpuFrom,
  VcpuHandle,
  Write,
} from "../generated.ts";
import { ReadAnswerCodec, WIRE_MAX_BODY, WIRE_VERSION, WireOwner, WireStatus, WireStream } from "../generated.ts";
import { deviceHandlers } from "./devices.ts";
import { type FakeBlob, type FakeGuest, type FakeGuests, GUEST_LIMIT } from "./guests.ts";
import type { FakeHypervisor } from "./hypervisor.ts";
import type { FakeStream } from "./stream.ts";

export interface Result {
  readonly status?: number;
  readonly answer?: object;
  readonly records?: readonly object[];
  readonly bytes?: Uint8Array;
  /** Why not, in place of an answer. */
  readonly refusal?: string;
}
export type Handler = (request: never, tail: Uint8Array) => Result;

const NOT_FOUND: Result = { status: WireStatus.NotFound };
const HARTS = 2;
const blobInfo = (blob: FakeBlob): object => ({
  id: blob.id,
  state: blob.state,
  size: BigInt(blob.bytes.length),
  position: BigInt(blob.position),
  owners: 0,
  digest: blob.digest,
});
const registers = ["pc", "ra", "sp"].map((name, at) => ({ name, value: 0xffff_ffff_8000_0000n + BigInt(at * 8) }));

export function makeHandlers(host: FakeHypervisor): Readonly<Record<string, Handler>> {
  return {
    ...hostHandlers(host),
    ...lookHandlers(host.guests),
    ...changeHandlers(host.guests),
    ...streamHandlers(host.guests),
    ...blobHandlers(host.guests),
    ...deviceHandlers(host.guests, (request) => find(host.guests, request)),
  };
}

type Guests = FakeGuests;

function find(all: Guests, { guest, generation }: { guest: number; generation: number }): FakeGuest | undefined {
  const found = all.guests.get(guest);
  return generation === 0 || found?.generation === generation ? found : undefined;
}

function helloAnswer(host: FakeHypervisor): object {
  return {
    version: WIRE_VERSION,
    window: host.window,
    guestLimit: GUEST_LIMIT,
    vcpuLimit: 8,
    hartCount: HARTS,
    exitKinds: 2,
    ticksPerSecond: 10_000_000n,
    now: host.guests.now(),
    release: "0.1.0",
    build: "fake",
    architecture: "riscv64",
  };
}

function hostInfo(host: FakeHypervisor): object {
  const all = host.guests;
  return {
    ...{ now: all.now(), memoryTotal: 1n << 30n, memoryFree: 1n << 29n, ownUsed: 1n << 20n, ownFree: 1n << 19n },
    ...{
      harts: HARTS,
      guests: all.guests.size,
      guestLimit: GUEST_LIMIT,
      vcpuLimit: 8,
      tablesTotal: 100,
      tablesFree: 90,
    },
    ...{
      timersArmed: 1,
      vmidsInUse: all.guests.size,
      blobs: all.blobs.size,
      lines: 0,
      entities: 2,
      unownedInterrupts: 0,
    },
    ...{ events: all.events.end, log: all.log.end, framesIn: host.decoder.frames, framesBad: host.decoder.bad },
    ...{ hostBytesLost: 0, stage2Levels: 3, interrupts: "plic", console: "ns16550a" },
  };
}

function hostHandlers(host: FakeHypervisor): Record<string, Handler> {
  const all = host.guests;
  const hart = (index: number) => ({
    ...{ index, online: 1, id: BigInt(index), idleTime: 1000n, timerInterrupts: 2n, ipis: 3n, externalInterrupts: 4n },
    ...{ currentGuest: all.guests.size > 0 ? 1 : 0, currentVcpu: 0 },
  });
  const from = <T>(list: readonly T[], request: From): Result => ({ records: list.slice(request.from) as object[] });
  return {
    Hello: () => ({ answer: helloAnswer(host) }),
    Bye: () => ((host.session = 0), {}),
    Poll: () => ({ answer: all.notice() }),
    HostInfo: () => ({ answer: hostInfo(host) }),
    Harts: (request) => from([hart(0), hart(1)], request),
    Memory: (request) =>
      from(
        [
          { hpa: 0x8000_0000n, size: 1n << 21n, owner: WireOwner.Reserved, guest: 0 },
          { hpa: 0x8020_0000n, size: 1n << 26n, owner: WireOwner.Guest, guest: 0 },
          { hpa: 0x8420_0000n, size: 1n << 29n, owner: WireOwner.Free, guest: 0 },
        ],
        request,
      ),
    Irqs: (request) => from([{ number: 10, hart: 0, count: 7n, owner: "uart" }], request),
    HostAction: ({ action }: HostAction) => ((all.hostAction = action), {}),
    TraceControl: ({ mask }: TraceControl) => ((all.traceMask = mask), {}),
  };
}

function crashOf(guest: FakeGuest): object {
  const numbers = { vcpu: 1, pc: 0xffff_ffff_8000_1000n, detail: 0x1000n, hypervisorPc: 0n, hypervisorValue: 0n };
  const sizes = { when: 5_000_000n, trail: 1, registers: registers.length };
  return { reason: guest.crashReason, ...numbers, ...sizes, cause: "a store to no device" };
}

function lookHandlers(all: Guests): Record<string, Handler> {
  return {
    Guests: ({ from }: From) => ({
      // Two at a time, so that clients must ask again.
      records: [...all.guests.values()]
        .filter((guest) => guest.id >= from)
        .sort((a, b) => a.id - b.id)
        .slice(0, 2)
        .map((guest) => all.info(guest)),
    }),
    Vcpus: (request: VcpuFrom) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      const list = Array.from({ length: guest.vcpus }, (_, index) => ({
        ...{ index, hart: index % HARTS, state: 1, hsm: 0, policy: 0, priority: guest.priority, weight: guest.weight },
        ...{ paused: guest.paused, affinity: guest.affinity, runTime: 10n, waitTime: 2n, switches: 3n, exits: 4n },
        interrupts: 5n,
      }));
      return { records: list.slice(request.from) };
    },
    Exits: (request: VcpuHandle) =>
      find(all, request)
        ? {
            records: [
              { count: 4n, name: "wfi" },
              { count: 0n, name: "page" },
            ],
          }
        : NOT_FOUND,
    Registers: (request: VcpuHandle) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      return guest.paused ? { records: registers } : { status: WireStatus.Busy };
    },
    Crash: (request: GuestHandle) => {
      const guest = find(all, request);
      return guest ? { answer: crashOf(guest) } : NOT_FOUND;
    },
    CrashTrail: ({ from }: VcpuFrom) => {
      const exit = { pc: 0x1000n, detail: 0x20n, func: 0n, kind: 9, name: "mmio-store" };
      return { records: from === 0 ? [exit] : [] };
    },
    CrashRegisters: () => ({ records: registers }),
    MemoryRead: (request: MemoryRead) => {
      if (!find(all, request)) return NOT_FOUND;
      if (request.gpa < 0x8000_0000n) return { status: WireStatus.Range };
      return { bytes: Uint8Array.from({ length: request.length }, (_, at) => (Number(request.gpa) + at) & 0xff) };
    },
  };
}

const refusal = (words: string, status: number): Result => ({ status, answer: { words } });

function changeHandlers(all: Guests): Record<string, Handler> {
  return {
    GuestAction: (request: GuestAction) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      const { status, words } = all.act(guest, request.action);
      return refusal(words, status);
    },
    VcpuAction: (request: VcpuAction) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      if (request.action === 3 && request.value >= 1n << BigInt(HARTS))
        return refusal("there is no such hart", WireStatus.Range);
      if (request.action <= 2) guest.paused = request.action === 1 ? 1 : 0;
      if (request.action === 3) guest.affinity = request.value;
      if (request.action === 4) guest.priority = Number(request.value);
      if (request.action === 5) guest.weight = Number(request.value);
      return refusal("", 0);
    },
    VcpuCount: (request: VcpuCount) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      if (request.count > 4) return refusal(`guest ${guest.name} has at most 4 vCPUs`, WireStatus.Limit);
      guest.vcpus = request.count;
      return refusal("", 0);
    },
    Create: ({ description, kernel, ramdisk, tree, start }: Create) => {
      const blobs = [description, kernel, ramdisk, tree].filter((id) => id !== 0);
      const no = (words: string, status: number): Result => ({ status, answer: { guest: 0, generation: 0, words } });
      if (blobs.some((id) => all.blobs.get(id)?.state !== 2)) return no("a blob is missing", WireStatus.NotFound);
      const made = all.create(all.blobs.get(description)?.bytes ?? new Uint8Array(), blobs);
      if ("refused" in made) return no(made.words, made.refused);
      if (start === 1) all.act(made, 1);
      return { answer: { guest: made.id, generation: made.generation, words: "" } };
    },
  };
}

function streamHandlers(all: Guests): Record<string, Handler> {
  const streamOf = ({ stream, index, generation }: Read): FakeStream | undefined => {
    if (stream === WireStream.Log) return all.log;
    if (stream === WireStream.Events) return all.events;
    if (stream === WireStream.Trace) return all.traces[index];
    const guest = find(all, { guest: index, generation });
    if (guest) all.consoleRead(guest);
    return guest?.console;
  };
  return {
    Read: (request: Read) => {
      const stream = streamOf(request);
      if (!stream) return NOT_FOUND;
      const { position, bytes } = stream.read(
        request.position,
        Math.min(request.most, WIRE_MAX_BODY - ReadAnswerCodec.size),
      );
      return { answer: { position, end: stream.end, lost: stream.lost }, bytes };
    },
    Write: (request: Write, tail) => {
      const guest = find(all, request);
      if (!guest) return NOT_FOUND;
      all.type(guest, request.position, tail);
      return { answer: { position: guest.input, room: guest.room } };
    },
  };
}

function blobHandlers(all: Guests): Record<string, Handler> {
  return {
    Blobs: ({ from }: From) => ({ records: [...all.blobs.values()].filter(({ id }) => id >= from).map(blobInfo) }),
    BlobOpen: ({ size, crc, digest }: BlobOpen) =>
      size > 1n << 26n
        ? { status: WireStatus.NoMemory }
        : { answer: blobInfo(all.openBlob(Number(size), crc, digest)) },
    BlobWrite: ({ id, position }: BlobWrite, tail) => {
      const blob = all.blobs.get(id);
      if (!blob) return NOT_FOUND;
      all.writeBlob(blob, Number(position), tail);
      return { answer: { position: BigInt(blob.position), state: blob.state } };
    },
    BlobDrop: ({ id }: BlobHandle) => (all.dropBlob(id) ? {} : NOT_FOUND),
  };
}
