// SPDX-License-Identifier: Apache-2.0
// The host's RAM: sparse 4 KiB pages by host-physical address, with the core's linear memory laid over the range
// where the metal would keep it. Everything that reaches memory by hpa (copies, the stage-2 walker, guests, modules)
// comes through here, so the page tables that the core builds in its linear memory are the ones that guests run on.
import { CoreFault, FAULT_LOAD_ACCESS } from "./faults.ts";

export const PAGE_SIZE = 4096;

export class Ram {
  readonly base: number;
  readonly size: number;
  readonly #pages = new Map<number, Uint8Array>();
  #linear: WebAssembly.Memory | null = null;
  #linearBase = 0;
  #linearFrom = 0;
  #linearTo = 0;
  #view = new DataView(new ArrayBuffer(0));

  constructor(base: number, size: number) {
    this.base = base;
    this.size = size;
  }

  get end(): number {
    return this.base + this.size;
  }

  /** Lays linear addresses [from, to) over host-physical addresses from `linearBase + from` on. */
  attachLinear(memory: WebAssembly.Memory, linearBase: number, from: number, to: number): void {
    this.#linear = memory;
    this.#linearBase = linearBase;
    this.#linearFrom = from;
    this.#linearTo = to;
  }

  /** First and one-past-last hpa of the linear memory as it is now. */
  linearRange(): [number, number] {
    return [this.#linearBase + this.#linearFrom, this.#linearBase + this.#linearTo];
  }

  contains(hpa: number, length: number): boolean {
    return hpa >= this.base && length >= 0 && hpa + length <= this.end;
  }

  /** Pages that were ever written, for leak checks of the simulation itself. */
  get touchedPages(): number {
    return this.#pages.size;
  }

  /** Calls `visit` with each contiguous piece of [hpa, hpa + length) as it lies in one backing array. */
  #pieces(hpa: number, length: number, visit: (bytes: Uint8Array, done: number) => void): void {
    if (!this.contains(hpa, length)) {
      throw new CoreFault(`no RAM at ${hpa.toString(16)}+${length.toString(16)}`, FAULT_LOAD_ACCESS, BigInt(hpa));
    }
    const [from, to] = this.linearRange();
    let done = 0;
    while (done < length) {
      const at = hpa + done;
      if (at >= from && at < to) {
        const count = Math.min(length - done, to - at);
        visit(new Uint8Array((this.#linear as WebAssembly.Memory).buffer, at - this.#linearBase, count), done);
        done += count;
        continue;
      }
      const offset = at % PAGE_SIZE;
      const count = Math.min(length - done, PAGE_SIZE - offset, at < from ? from - at : Infinity);
      visit(this.#page(at - offset).subarray(offset, offset + count), done);
      done += count;
    }
  }

  #page(start: number): Uint8Array {
    let page = this.#pages.get(start);
    if (!page) {
      page = new Uint8Array(PAGE_SIZE);
      this.#pages.set(start, page);
    }
    return page;
  }

  read(hpa: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.#pieces(hpa, length, (bytes, done) => out.set(bytes, done));
    return out;
  }

  write(hpa: number, data: Uint8Array): void {
    this.#pieces(hpa, data.length, (bytes, done) => bytes.set(data.subarray(done, done + bytes.length)));
  }

  /** Copies page by page; pages that are zero on both sides are not made. */
  copy(to: number, from: number, length: number): void {
    if (!this.contains(from, length)) {
      throw new CoreFault(`copy from outside RAM at ${from.toString(16)}`, FAULT_LOAD_ACCESS, BigInt(from));
    }
    for (let done = 0; done < length;) {
      const count = Math.min(
        length - done,
        PAGE_SIZE - ((from + done) % PAGE_SIZE),
        PAGE_SIZE - ((to + done) % PAGE_SIZE),
      );
      const bytes = this.#peek(from + done, count);
      if (bytes) this.write(to + done, bytes);
      else this.clear(to + done, count);
      done += count;
    }
  }

  /** Bytes within one page; null when the page was never written. */
  #peek(hpa: number, length: number): Uint8Array | null {
    const [linearFrom, linearTo] = this.linearRange();
    const plain = hpa + length <= linearFrom || hpa >= linearTo;
    if (plain && !this.#pages.has(hpa - (hpa % PAGE_SIZE))) return null;
    return this.read(hpa, length);
  }

  /** Clears a range; pages that become wholly zero are given back, so clearing gigabytes is cheap. */
  clear(hpa: number, length: number): void {
    if (!this.contains(hpa, length)) {
      throw new CoreFault(`clear outside RAM at ${hpa.toString(16)}`, FAULT_LOAD_ACCESS, BigInt(hpa));
    }
    const [from, to] = this.linearRange();
    const end = hpa + length;
    if (from < end && to > hpa && this.#linear) {
      const start = Math.max(from, hpa);
      new Uint8Array(this.#linear.buffer, start - this.#linearBase, Math.min(to, end) - start).fill(0);
    }
    for (const [start, page] of this.#pagesIn(hpa, end)) {
      if (start >= hpa && start + PAGE_SIZE <= end) this.#pages.delete(start);
      else page.fill(0, Math.max(0, hpa - start), Math.min(PAGE_SIZE, end - start));
    }
  }

  *#pagesIn(from: number, to: number): Generator<[number, Uint8Array]> {
    const first = from - (from % PAGE_SIZE);
    if ((to - first) / PAGE_SIZE > this.#pages.size) {
      for (const entry of [...this.#pages]) if (entry[0] >= first && entry[0] < to) yield entry;
      return;
    }
    for (let start = first; start < to; start += PAGE_SIZE) {
      const page = this.#pages.get(start);
      if (page) yield [start, page];
    }
  }

  /** Whether every byte of the range is zero; does not make pages. */
  isZero(hpa: number, length: number): boolean {
    for (const [start, page] of this.#pagesIn(hpa, hpa + length)) {
      const from = Math.max(0, hpa - start);
      const to = Math.min(PAGE_SIZE, hpa + length - start);
      for (let index = from; index < to; index++) if (page[index] !== 0) return false;
    }
    return true;
  }

  /** Page tables are read far more often than anything else: those in linear memory have a short way. */
  read64(hpa: number): bigint {
    if (this.#linear && hpa >= this.#linearBase + this.#linearFrom && hpa + 8 <= this.#linearBase + this.#linearTo) {
      if (this.#view.buffer !== this.#linear.buffer) this.#view = new DataView(this.#linear.buffer);
      return this.#view.getBigUint64(hpa - this.#linearBase, true);
    }
    const bytes = this.read(hpa, 8);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  write64(hpa: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.write(hpa, bytes);
  }

  /** Little-endian value of 1, 2, 4 or 8 bytes. */
  readValue(hpa: number, width: number): bigint {
    let value = 0n;
    const bytes = this.read(hpa, width);
    for (let index = width - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index] as number);
    return value;
  }

  writeValue(hpa: number, width: number, value: bigint): void {
    const bytes = new Uint8Array(width);
    for (let index = 0; index < width; index++) bytes[index] = Number((value >> BigInt(8 * index)) & 0xffn);
    this.write(hpa, bytes);
  }
}
