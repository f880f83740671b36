// SPDX-License-Identifier: Apache-2.0
// A PLIC with one supervisor context per hart, at the context numbers of QEMU's virt machine (2 * hart + 1; the even
// ones belong to machine mode and are ignored). Level-triggered gateways: a source that was claimed is not offered
// again before it is completed.
import type { HostDevice, LineSetter, WireSink } from "./device.ts";

const PENDING = 0x1000;
const ENABLE = 0x2000;
const CONTEXT = 0x200000;

export class HostPlic implements HostDevice, WireSink {
  readonly sources: number;
  readonly #harts: number;
  readonly #drive: LineSetter;
  readonly #priority: Uint32Array;
  readonly #level: Uint8Array;
  readonly #claimed: Uint8Array;
  readonly #enable: Uint8Array[];
  readonly #threshold: Uint32Array;

  constructor(sources: number, harts: number, drive: LineSetter) {
    this.sources = sources;
    this.#harts = harts;
    this.#drive = drive;
    this.#priority = new Uint32Array(sources + 1);
    this.#level = new Uint8Array(sources + 1);
    this.#claimed = new Uint8Array(sources + 1);
    this.#enable = Array.from({ length: harts }, () => new Uint8Array(sources + 1));
    this.#threshold = new Uint32Array(harts);
  }

  setLevel(source: number, level: boolean): void {
    this.#level[source] = level ? 1 : 0;
    this.#update();
  }

  /** The source that hart `hart` would claim now, 0 for none. */
  #best(hart: number, floor: number): number {
    let best = 0;
    let bestPriority = floor;
    for (let source = 1; source <= this.sources; source++) {
      const offered = this.#level[source] === 1 && this.#claimed[source] === 0;
      const priority = this.#priority[source] as number;
      if (offered && this.#enable[hart]?.[source] === 1 && priority > bestPriority) {
        best = source;
        bestPriority = priority;
      }
    }
    return best;
  }

  #update(): void {
    for (let hart = 0; hart < this.#harts; hart++) {
      this.#drive(hart, this.#best(hart, this.#threshold[hart] as number) !== 0);
    }
  }

  /** Hart of an S-mode context, -1 for a machine-mode or absent one. */
  #hartOf(context: number): number {
    return context % 2 === 1 && context < 2 * this.#harts ? (context - 1) / 2 : -1;
  }

  read(offset: number): number {
    if (offset < PENDING) return this.#priority[offset >> 2] ?? 0;
    if (offset < ENABLE) {
      return this.#bits((offset - PENDING) >> 2, (source) => this.#level[source] === 1 && this.#claimed[source] === 0);
    }
    if (offset < CONTEXT) {
      const hart = this.#hartOf((offset - ENABLE) >> 7);
      if (hart < 0) return 0;
      return this.#bits(((offset - ENABLE) & 0x7f) >> 2, (source) => this.#enable[hart]?.[source] === 1);
    }
    const hart = this.#hartOf((offset - CONTEXT) >> 12);
    if (hart < 0) return 0;
    const register = (offset - CONTEXT) & 0xfff;
    if (register === 0) return this.#threshold[hart] as number;
    if (register !== 4) return 0;
    const source = this.#best(hart, 0);
    if (source !== 0) this.#claimed[source] = 1;
    this.#update();
    return source;
  }

  #bits(word: number, test: (source: number) => boolean): number {
    let value = 0;
    for (let bit = 0; bit < 32; bit++) {
      const source = word * 32 + bit;
      if (source >= 1 && source <= this.sources && test(source)) value |= 1 << bit;
    }
    return value >>> 0;
  }

  write(offset: number, _width: number, value: number): void {
    if (offset < PENDING) {
      const source = offset >> 2;
      if (source >= 1 && source <= this.sources) this.#priority[source] = value & 7;
    } else if (offset >= ENABLE && offset < CONTEXT) {
      const hart = this.#hartOf((offset - ENABLE) >> 7);
      const word = ((offset - ENABLE) & 0x7f) >> 2;
      for (let bit = 0; bit < 32 && hart >= 0; bit++) {
        const source = word * 32 + bit;
        const row = this.#enable[hart] as Uint8Array;
        if (source >= 1 && source <= this.sources) row[source] = (value >>> bit) & 1;
      }
    } else if (offset >= CONTEXT) {
      const hart = this.#hartOf((offset - CONTEXT) >> 12);
      const register = (offset - CONTEXT) & 0xfff;
      if (hart >= 0 && register === 0) this.#threshold[hart] = value & 7;
      if (hart >= 0 && register === 4 && value <= this.sources && this.#enable[hart]?.[value] === 1)
        this.#claimed[value] = 0;
    }
    this.#update();
  }
}
