// SPDX-License-Identifier: Apache-2.0
// A guest's VirtIO devices alone in Node: the unit module of core/dev/virtio/virtio.testing.ts (or one that exports the
// same), a guest whose RAM lies in scattered pieces of host memory, and hooks that see every copy. For unit tests.
import { atomics } from "../atomics.ts";
import { type Imports, loadUnit, type UnitModule } from "../unit.ts";

export const RAM_BASE = 0x8000_0000n;
/** Guest RAM: pieces of this size, which do not follow each other in host memory. */
export const PIECE = 0x1_0000;
export const PIECES = 4;
const HPA_BASE = 0x1_0000_0000n;
const HOST_BYTES = PIECE * PIECES * 2;
const ARENA = 1 << 19;
const CSR_TIME = 0xc01;

export type Reader = (name: string, ...args: (number | bigint)[]) => number;

export class VirtioBench {
  readonly host = new Uint8Array(HOST_BYTES);
  readonly view = new DataView(this.host.buffer);
  /** Called before each copy out of host memory: hpa and length. */
  onCopyIn: (hpa: bigint, length: number) => void = () => {};
  /** Called after the core read a word with an atomic load: another hart may change it now. */
  onAtomicLoad: (ptr: number) => void = () => {};
  /** Copies that were made, of any kind. */
  copies = 0;
  time = 1000n;
  guest = 0;
  access = 0;
  #hart = 0;
  #fresh: { at: number; bytes: Uint8Array } | undefined;

  readonly unit: UnitModule;

  private constructor(unit: UnitModule) {
    this.unit = unit;
  }

  /** `more`: further functions of hw.ts, for tests that reach the host's devices. */
  static async load(entry = "core/dev/virtio/virtio.testing.ts", more: Imports[string] = {}): Promise<VirtioBench> {
    const holder: { bench?: VirtioBench } = {};
    const unit = await loadUnit(entry, { hw: { ...imports(() => holder.bench!), ...more } });
    const bench = new VirtioBench(unit);
    holder.bench = bench;
    const arena = unit.scratch(ARENA);
    bench.access = arena + ARENA - 64;
    bench.#hart = bench.call("testSetup", arena, bench.access);
    bench.#fresh = { at: bench.call("testRoom", 0), bytes: unit.bytes().slice(0) };
    return bench;
  }

  /** Everything as after load(), and a new guest with PIECES pieces of RAM (1: in one piece). */
  begin(pieces = PIECES): void {
    this.unit.bytes().set(this.#fresh!.bytes);
    this.call("testArena", this.#fresh!.at, this.access);
    this.host.fill(0);
    this.onCopyIn = () => {};
    this.onAtomicLoad = () => {};
    this.time = 1000n;
    this.guest = this.call("testGuest");
    const size = BigInt((PIECE * PIECES) / pieces);
    for (let i = 0n; i < BigInt(pieces); i++) {
      // From the top down, with gaps between.
      const hpa = HPA_BASE + BigInt(HOST_BYTES) - (i + 1n) * size * 2n;
      this.call("testRam", this.guest, RAM_BASE + i * size, hpa, size);
    }
    this.#pieces = pieces;
  }
  #pieces = PIECES;

  get hart(): number {
    return this.#hart;
  }

  call: Reader = (name, ...args) => {
    const exported = this.unit.exports[name];
    if (!exported) throw new Error(`the unit does not export ${name}`);
    return Number(exported(...args) ?? 0);
  };
  named(name: string): number {
    return Number((this.unit.exports[name] as unknown as WebAssembly.Global).value);
  }
  /** A u32 of a record: its address and the name of the constant with the field's offset. */
  field(record: number, name: string): number {
    return this.unit.view().getUint32(record + this.named(name), true);
  }
  setField(record: number, name: string, value: number): void {
    this.unit.view().setUint32(record + this.named(name), value, true);
  }

  /** Index into `host` of a gpa. */
  at(gpa: bigint): number {
    const size = (PIECE * PIECES) / this.#pieces;
    const offset = Number(gpa - RAM_BASE);
    const piece = Math.floor(offset / size);
    return HOST_BYTES - (piece + 1) * size * 2 + (offset % size);
  }
  hpa(gpa: bigint): bigint {
    return HPA_BASE + BigInt(this.at(gpa));
  }
  writeGuest(gpa: bigint, bytes: ArrayLike<number>): void {
    for (let i = 0; i < bytes.length; i++) this.host[this.at(gpa + BigInt(i))] = bytes[i]!;
  }
  readGuest(gpa: bigint, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.host[this.at(gpa + BigInt(i))]!);
  }
  write(gpa: bigint, width: 1 | 2 | 4 | 8, value: number | bigint): void {
    let left = BigInt(value);
    for (let i = 0n; i < BigInt(width); i++, left >>= 8n) this.host[this.at(gpa + i)] = Number(left & 0xffn);
  }
  read(gpa: bigint, width: 1 | 2 | 4): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.host[this.at(gpa + BigInt(i))]!;
    return value;
  }

  /** A guest access to the registers of a device on MMIO. */
  perform(
    device: number,
    write: number,
    offset: number,
    value: number | bigint,
    width = 4,
  ): { status: number; value: bigint } {
    const view = this.unit.view();
    view.setBigUint64(this.access, BigInt(offset), true);
    view.setBigUint64(this.access + 8, BigInt(value), true);
    view.setUint32(this.access + 16, width, true);
    view.setUint32(this.access + 20, write, true);
    const status = this.call("mmioAccess", device, this.access);
    return { status, value: this.unit.view().getBigUint64(this.access + 8, true) };
  }
  load(device: number, offset: number, width = 4): number {
    return Number(this.perform(device, 0, offset, 0, width).value);
  }
  store(device: number, offset: number, value: number, width = 4): number {
    return this.perform(device, 1, offset, value, width).status;
  }

  copyIn(ptr: number, hpa: bigint, length: number): void {
    this.copies++;
    this.onCopyIn(hpa, length);
    const from = this.#inside(hpa, BigInt(length));
    this.unit.bytes().set(this.host.subarray(from, from + length), ptr);
  }
  copyOut(hpa: bigint, ptr: number, length: number): void {
    this.copies++;
    const to = this.#inside(hpa, BigInt(length));
    this.host.set(this.unit.bytes().subarray(ptr, ptr + length), to);
  }
  copyAcross(to: bigint, from: bigint, length: bigint): void {
    this.copies++;
    this.host.copyWithin(
      this.#inside(to, length),
      this.#inside(from, length),
      this.#inside(from, length) + Number(length),
    );
  }
  clear(hpa: bigint, length: bigint): void {
    const at = this.#inside(hpa, length);
    this.host.fill(0, at, at + Number(length));
  }
  /** Only the guest's own RAM may be touched. */
  #inside(hpa: bigint, length: bigint): number {
    const at = Number(hpa - HPA_BASE);
    const size = (PIECE * PIECES) / this.#pieces;
    const inPiece = at % (size * 2);
    if (at < 0 || at >= HOST_BYTES || inPiece + Number(length) > size)
      throw new Error(`a copy leaves the guest's RAM: ${hpa.toString(16)} + ${length}`);
    return at;
  }
}

function imports(bench: () => VirtioBench) {
  const atomic = atomics(() => bench().unit);
  const nothing = () => {};
  return {
    hart: () => bench().hart,
    csrRead: (csr: number) => (csr === CSR_TIME ? bench().time : 0n),
    csrWrite: nothing,
    csrSet: nothing,
    csrClear: nothing,
    fence: nothing,
    sbi: () => 0n,
    copyIn: (ptr: number, hpa: bigint, length: number) => bench().copyIn(ptr, hpa, length >>> 0),
    copyOut: (hpa: bigint, ptr: number, length: number) => bench().copyOut(hpa, ptr, length >>> 0),
    copyAcross: (to: bigint, from: bigint, length: bigint) => bench().copyAcross(to, from, length),
    clear: (hpa: bigint, length: bigint) => bench().clear(hpa, length),
    ...atomic,
    atomicLoad: (at: number) => {
      const value = atomic.atomicLoad(at);
      bench().onAtomicLoad(at);
      return value;
    },
  };
}
