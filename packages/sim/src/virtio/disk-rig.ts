// SPDX-License-Identifier: Apache-2.0
// Disks of the core (core/backend/block) alone in Node, on a host with a few blocks of RAM: requests, worker, and the check
// that everything came back clean. For unit tests.
import { atomics } from "../atomics.ts";
import { loadUnit, type UnitModule } from "../unit.ts";

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export const BLOCK = 0x20_0000;
/** Host memory: the guest's buffers and a module or the late disk's contents, then RAM that is owned in blocks. */
export const HOST = 0x9000_0000;
export const OWNED = HOST + BLOCK;
export const BLOCKS = 10;
export const SECTOR = 512;
export const MODULE = HOST + 0x10_0000;
export const [READ, WRITE, FLUSH, DISCARD, ZEROES] = [0, 1, 2, 3, 4] as const;
export const [OK, BUSY, IO] = [0, -5, -9] as const;
export const PAGE = 8;

const ZEROS = Buffer.alloc(BLOCKS * BLOCK);

/** Live: begin() makes them anew. */
export let unit: UnitModule;
export let host: Uint8Array<ArrayBuffer>;
let hart: number;
let requests: { at: number; used: boolean }[];

export const call = (name: string, ...args: (number | bigint)[]): number => Number(unit.exports[name]!(...args) ?? 0);
export const offset = (name: string): number => Number((unit.exports[name] as unknown as WebAssembly.Global).value);
export const place = (hpa: bigint, length: number | bigint): number => {
  const at = Number(hpa) - HOST;
  if (at < 0 || at + Number(length) > host.length) throw new Error(`host memory ${hpa.toString(16)} + ${length}`);
  return at;
};

export async function begin(): Promise<void> {
  host = new Uint8Array((BLOCKS + 1) * BLOCK);
  unit = await loadUnit("core/backend/block/disk.testing.ts", {
    env: { abort: () => must(false, "a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => 0n,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      copyIn: (ptr: number, hpa: bigint, length: number) =>
        unit.bytes().set(host.subarray(place(hpa, length), place(hpa, length) + length), ptr),
      copyOut: (hpa: bigint, ptr: number, length: number) =>
        host.set(unit.bytes().subarray(ptr, ptr + length), place(hpa, length)),
      copyAcross: (to: bigint, from: bigint, length: bigint) =>
        void host.copyWithin(place(to, length), place(from, length), place(from, length) + Number(length)),
      clear: (hpa: bigint, length: bigint) => {
        must(Number(length) <= BLOCK, "a step clears more than a block");
        host.fill(0, place(hpa, length), place(hpa, length) + Number(length));
      },
      ...atomics(() => unit),
    },
  });
  const arena = unit.scratch(0x20_0000);
  hart = call("testHost", arena, arena + 0x20_0000, BigInt(OWNED), BigInt(BLOCKS * BLOCK));
  call("testStart");
  requests = [];
}
/** Segments for `bytes` in the guest's buffers at `at`, cut where `cuts` says, in an order of their own. */
export function segments(at: number, bytes: number, cuts: readonly number[]): { hpa: number; length: number }[] {
  const all: { hpa: number; length: number }[] = [];
  let left = bytes;
  let from = 0;
  for (const cut of cuts) {
    const length = Math.min(left, cut);
    if (length === 0) break;
    all.push({ hpa: at + from, length });
    // A gap, so that nothing works by chance.
    from += length + 8;
    left -= length;
  }
  if (left > 0) all.push({ hpa: at + from, length: left });
  return all;
}

export interface Open {
  request: number;
  list: { hpa: number; length: number }[];
}
interface Submitted extends Open {
  status: number;
}

const freeRequest = () => {
  let found = requests.find(({ used }) => !used);
  if (!found) requests.push((found = { at: call("testRequest"), used: false }));
  found.used = true;
  return found.at;
};
export const giveRequest = (at: number): void => {
  requests.find((each) => each.at === at)!.used = false;
};

export function submit(
  disk: number,
  kind: number,
  [sector, sectors]: readonly [number, number],
  list: Open["list"] = [],
): Submitted {
  const request = freeRequest();
  const at = unit.view().getUint32(request + offset("REQUEST_SEGMENTS"), true);
  list.forEach(({ hpa, length }, i) => {
    unit.view().setBigUint64(at + i * 16, BigInt(hpa), true);
    unit.view().setBigUint64(at + i * 16 + 8, BigInt(length), true);
  });
  const status = call("testSubmit", disk, request, kind | (list.length << 8), BigInt(sector), BigInt(sectors));
  // They count only while it is submitted.
  unit.bytes().fill(0xee, at, at + list.length * 16);
  if (status !== OK) giveRequest(request);
  return { status, request, list };
}
export const over = (request: number): number => unit.view().getUint32(request + offset("REQUEST_OVER"), true);
export const result = (request: number): number => unit.view().getInt32(request + offset("REQUEST_STATUS"), true);
export const gather = (list: Open["list"]): Buffer<ArrayBuffer> =>
  Buffer.concat(list.map(({ hpa, length }) => host.subarray(hpa - HOST, hpa - HOST + length)));
export function scatter(list: Open["list"], bytes: Uint8Array): void {
  let from = 0;
  for (const { hpa, length } of list) {
    host.set(bytes.subarray(from, from + length), hpa - HOST);
    from += length;
  }
}

/** One request that is done at once; a read answers its bytes. */
export function now(
  disk: number,
  kind: number,
  sector: number,
  bytes: Uint8Array | number,
): { status: number; bytes: Buffer } {
  const length = typeof bytes === "number" ? bytes * SECTOR : bytes.length;
  const list = kind === READ || kind === WRITE ? segments(HOST, length, [100, 700]) : [];
  if (typeof bytes !== "number") scatter(list, bytes);
  const { status, request } = submit(disk, kind, [sector, length / SECTOR], list);
  must(status === OK && over(request) === 1, "a request is not done at once");
  giveRequest(request);
  return { status: result(request), bytes: gather(list) };
}

export function work(): void {
  for (let step = 0; call("diskWork", 0) !== 0; step++) must(step < 200, "the worker does not end");
}
/** All memory that is owned in blocks is free again, and clean. */
export function expectClean(): void {
  work();
  while (call("blobsClear", 0) !== 0);
  must(call("diskCount") === 0, "a disk is left");
  must(call("ramFree") === BLOCKS * BLOCK, "memory is not back");
  must(Buffer.from(host.buffer, BLOCK).equals(ZEROS), "memory is not clean");
}

export const pattern = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seed * 37 + i * 7 + (i >> 8)) & 0xff);
