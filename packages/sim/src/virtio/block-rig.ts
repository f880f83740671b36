// SPDX-License-Identifier: Apache-2.0
// A block device of a test's guest and its driver: requests in any layout, over a RAM disk or over one that answers when the
// test says so. For unit tests.
import { RAM_BASE, VirtioBench } from "./bench.ts";
import {
  bringUp,
  type Buffer as Piece,
  FEATURE_EVENT,
  FEATURE_INDIRECT,
  FEATURE_VERSION_1,
  REG,
  SplitRing,
} from "./driver.ts";

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export const SECTOR = 512;
export const SECTORS = 64n;
export const DISK = 0x2_0000_0000n;
export const [IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES] = [0, 1, 4, 8, 11, 13] as const;
export const [S_OK, S_IOERR, S_UNSUPP] = [0, 1, 2] as const;
export const [OK, IO] = [0, -9] as const;
export const RETRY = 3;
export const F = {
  segMax: 2n,
  ro: 5n,
  blkSize: 6n,
  flush: 9n,
  topology: 10n,
  mq: 12n,
  discard: 13n,
  zeroes: 14n,
} as const;
export const ALL = FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_EVENT;
export const MOST = (1n << 64n) - 1n;
export const SLOTS = 7;

/** Live: begin() makes them anew. */
export let bench: VirtioBench;
export const content = new Uint8Array(Number(SECTORS) * SECTOR);
export let device: number;
export let disk: number;
export let rings: SplitRing[];

/** A machine of its own for each case: the core's lists of records begin anew. */
async function load(): Promise<void> {
  bench = await VirtioBench.load("core/dev/virtio/block.testing.ts");
  // The disk's memory lies beside the guest's.
  const onDisk = (hpa: bigint, length: bigint) => hpa >= DISK && hpa + length <= DISK + BigInt(content.length);
  const [across, clear] = [bench.copyAcross.bind(bench), bench.clear.bind(bench)];
  const guest = (hpa: bigint) => Number(hpa - 0x1_0000_0000n);
  bench.copyAcross = (to, from, length) => {
    const count = Number(length);
    if (onDisk(to, length)) content.set(bench.host.subarray(guest(from), guest(from) + count), Number(to - DISK));
    else if (onDisk(from, length))
      bench.host.set(content.subarray(Number(from - DISK), Number(from - DISK) + count), guest(to));
    else across(to, from, length);
  };
  bench.clear = (hpa, length) => {
    if (onDisk(hpa, length)) content.fill(0, Number(hpa - DISK), Number(hpa - DISK + length));
    else clear(hpa, length);
  };
}

export const pattern = (seed: number, length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 13 + (i >> 7)) & 0xff);
const setField = (at: number, name: string, value: number): void => bench.setField(at, name, value);

export interface Options {
  late?: boolean;
  queues?: number;
  readOnly?: boolean;
  can?: number;
  maxSectors?: number;
  maxSegments?: number;
  features?: bigint;
}

export async function begin(options: Options = {}): Promise<void> {
  await load();
  bench.begin();
  bench.call("testBlocks");
  content.set(pattern(1, content.length));
  disk = options.late
    ? bench.call("testLateDisk", DISK, SECTORS)
    : bench.call("diskFromModule", DISK, BigInt(content.length));
  if (options.can !== undefined) setField(disk, "FEATURES", options.can);
  if (options.readOnly) setField(disk, "READ_ONLY", 1);
  if (options.maxSectors) setField(disk, "MAX_SECTORS", options.maxSectors);
  if (options.maxSegments) setField(disk, "MAX_DISK_SEGMENTS", options.maxSegments);
  device = bench.call("testBlock", bench.guest, disk, options.queues ?? 1);
  must(device !== 0, "the device is refused");
  bench.call("virtioWake", device);
  start(options);
}

export function start(options: Options = {}): void {
  rings = Array.from({ length: options.queues ?? 1 }, (_, i) => {
    const at = RAM_BASE + BigInt(i * 0x1000);
    bench.host.fill(0, bench.at(at), bench.at(at) + 0x1000);
    return new SplitRing(bench, 32, at, at + 0x400n, at + 0x800n);
  });
  const offered = features();
  const status = bringUp(bench, device, rings, (options.features ?? ALL) | (offered & ~ALL));
  must(status === 0xf, "the device does not come up");
}

const word = (select: number): bigint => {
  bench.store(device, REG.featuresSelect, select);
  return BigInt(bench.load(device, REG.features) >>> 0);
};
export const features = (): bigint => word(0) | (word(1) << 32n);
export const config = (offset: number, width: number): number => bench.load(device, REG.config + offset, width);
export const counter = (index: number): number => bench.call("testCounter", device, index);
/** The vCPU is about to enter, again and again until nothing is deferred. */
export function enter(): void {
  for (let i = 0; bench.call("testRequested", bench.guest) !== 0; i++) {
    must(i < 1000, "work is deferred without end");
    bench.setField(bench.hart, "RESCHEDULE", 0);
    must(bench.call("virtioContinue", bench.guest) === 0, "deferred work is not done");
  }
}
export const notify = (queue = 0): void => {
  bench.store(device, REG.notify, queue);
  enter();
};

export interface Request {
  readonly type: number;
  readonly sector: bigint;
  /** What follows the header, and what the device may write. */
  readonly payload: Uint8Array;
  readonly room: number;
  readonly headerBytes?: number;
  readonly cuts?: readonly number[];
  readonly indirect?: boolean;
}
export interface Sent extends Request {
  readonly head: number;
  readonly ring: SplitRing;
  readonly slot: number;
  readonly written: readonly Piece[];
}

/** Cuts `length` bytes into buffers from `gpa` on, with gaps. */
function pieces(gpa: bigint, length: number, cuts: readonly number[], write: boolean): Piece[] {
  const all: Piece[] = [];
  let left = length;
  let at = gpa;
  for (const cut of [...cuts, length]) {
    const part = Math.min(cut, left);
    if (part === 0) continue;
    all.push({ gpa: at, length: part, write });
    at += BigInt(part) + 3n;
    left -= part;
  }
  return all;
}

/** Puts a request into the ring; false if there is no room. */
export function send(request: Request, slot = 0, queue = 0): Sent | undefined {
  const ring = rings[queue]!;
  const area = RAM_BASE + 0x8000n + BigInt(slot) * 0x8000n;
  const header = new Uint8Array(16);
  new DataView(header.buffer).setUint32(0, request.type, true);
  new DataView(header.buffer).setBigUint64(8, request.sector, true);
  const out = Uint8Array.from([...header.subarray(0, request.headerBytes ?? 16), ...request.payload]);
  const cuts = request.cuts ?? [16];
  const read = pieces(area, out.length, cuts, false);
  const written = pieces(area + 0x3800n, request.room, [...cuts].reverse(), true);
  let from = 0;
  for (const { gpa, length } of read) {
    bench.writeGuest(gpa, out.subarray(from, from + length));
    from += length;
  }
  for (const { gpa, length } of written) bench.writeGuest(gpa, new Uint8Array(length).fill(0xaa));
  const buffers = [...read, ...written];
  if (buffers.length === 0 || ring.room < (request.indirect ? 1 : buffers.length)) return undefined;
  const table = request.indirect ? area + 0x7000n : undefined;
  return { ...request, head: ring.offer(buffers, table), ring, slot, written };
}

export const answer = (sent: Sent): Uint8Array =>
  Uint8Array.from(sent.written.flatMap(({ gpa, length }) => [...bench.readGuest(gpa, length)]));
export const range = (sector: bigint, sectors: number, flags = 0): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, sector, true);
  new DataView(bytes.buffer).setUint32(8, sectors, true);
  new DataView(bytes.buffer).setUint32(12, flags, true);
  return bytes;
};
export const NOTHING = new Uint8Array(0);
/** One request from the driver's side: status, used length, data. */
export function perform(request: Request): { status: number; length: number; data: Uint8Array } {
  const sent = send(request)!;
  notify();
  const [used, ...more] = sent.ring.collect();
  must(more.length === 0 && used?.id === sent.head, "one request is not given back once");
  const bytes = answer(sent);
  return { status: bytes.at(-1)!, length: used!.length, data: bytes.subarray(0, -1) };
}
export const read = (sector: bigint, sectors: number): Request => ({
  type: IN,
  sector,
  payload: NOTHING,
  room: sectors * SECTOR + 1,
});
export const write = (sector: bigint, bytes: Uint8Array): Request => ({ type: OUT, sector, payload: bytes, room: 1 });

/** Answers request `index` of the late disk: moves the data, or fails. */
export function finish(index: number, status: number): void {
  const [kind, sector, sectors, count, at] = [0, 1, 2, 3, 4].map((which) => bench.call("testLate", index, which));
  let from = sector! * SECTOR;
  const memory = bench.unit.view();
  for (let i = 0; i < count!; i++) {
    const hpa = memory.getBigUint64(at! + i * 16, true);
    const length = memory.getBigUint64(at! + i * 16 + 8, true);
    if (status === OK && kind === 0) bench.copyAcross(hpa, DISK + BigInt(from), length);
    if (status === OK && kind === 1) bench.copyAcross(DISK + BigInt(from), hpa, length);
    from += Number(length);
  }
  must(!count || from === (sector! + sectors!) * SECTOR, "segments are not as long as their sectors");
  bench.call("testLateDone", disk, index, status);
  enter();
}
export const late = (): number => bench.call("testLateCount");
