// SPDX-License-Identifier: Apache-2.0
// The supervisor domain of an APLIC: sources with modes, and either direct delivery to harts (IDC structures) or
// messages to an IMSIC. Enough of the register file for real drivers; delegation to child domains reads as zero.
import type { HostDevice, LineSetter, WireSink } from "./device.ts";

const DOMAINCFG_IE = 0x100;
const DOMAINCFG_DM = 0x4;
const IDC = 0x4000;

/** @spec aia §4.5.2: source modes. */
const MODE_DETACHED = 1;
const MODE_RISING = 4;
const MODE_FALLING = 5;
const MODE_HIGH = 6;
const MODE_LOW = 7;

export interface AplicOptions {
  readonly sources: number;
  readonly harts: number;
  /** Direct delivery: sets a hart's external line. */
  readonly drive: LineSetter;
  /** Message delivery, where there is an IMSIC; then domaincfg.DM can be set. */
  readonly message?: (hart: number, guestFile: number, identity: number) => void;
}

interface Source {
  mode: number;
  level: boolean;
  pending: boolean;
  enabled: boolean;
  target: number;
}

export class HostAplic implements HostDevice, WireSink {
  readonly #options: AplicOptions;
  readonly #sources: Source[];
  readonly #idc: { delivery: number; force: number; threshold: number }[];
  #config = 0;

  constructor(options: AplicOptions) {
    this.#options = options;
    this.#sources = Array.from({ length: options.sources + 1 }, () => ({
      mode: 0,
      level: false,
      pending: false,
      enabled: false,
      target: 0,
    }));
    this.#idc = Array.from({ length: options.harts }, () => ({ delivery: 0, force: 0, threshold: 0 }));
  }

  get #messages(): boolean {
    return (this.#config & DOMAINCFG_DM) !== 0;
  }

  setLevel(number: number, level: boolean): void {
    const source = this.#sources[number];
    if (!source) return;
    const before = source.level;
    source.level = level;
    if (source.mode === MODE_RISING && level && !before) source.pending = true;
    if (source.mode === MODE_FALLING && !level && before) source.pending = true;
    const active = this.#active(source);
    if (source.mode >= MODE_HIGH)
      source.pending = this.#messages ? source.pending || (active && before !== level) : active;
    this.#update();
  }

  /** The rectified input of a level source. */
  #active(source: Source): boolean {
    return source.mode === MODE_LOW ? !source.level : source.level;
  }

  #update(): void {
    if ((this.#config & DOMAINCFG_IE) === 0) {
      for (let hart = 0; hart < this.#idc.length && !this.#options.message; hart++) this.#options.drive(hart, false);
      return;
    }
    if (this.#messages) {
      for (const source of this.#sources) {
        if (!source.pending || !source.enabled || source.mode === 0) continue;
        source.pending = false;
        this.#options.message?.(source.target >>> 18, (source.target >>> 12) & 0x3f, source.target & 0x7ff);
      }
      return;
    }
    for (let hart = 0; hart < this.#idc.length; hart++) {
      this.#options.drive(hart, this.#idc[hart]?.delivery === 1 && this.#top(hart) !== 0);
    }
  }

  /** topi of a hart: identity << 16 | priority, 0 for none. */
  #top(hart: number): number {
    const idc = this.#idc[hart];
    if (!idc) return 0;
    let best = 0;
    let bestPriority = 0x100;
    this.#sources.forEach((source, number) => {
      const priority = source.target & 0xff;
      const offered =
        number > 0 && source.mode !== 0 && source.pending && source.enabled && source.target >>> 18 === hart;
      if (offered && (idc.threshold === 0 || priority < idc.threshold) && priority < bestPriority) {
        best = number;
        bestPriority = priority;
      }
    });
    return best === 0 ? 0 : ((best << 16) | bestPriority) >>> 0;
  }

  read(offset: number): number {
    if (offset === 0) return (0x80000000 | this.#config) >>> 0;
    if (offset >= 4 && offset < 0x1000) return this.#sources[offset >> 2]?.mode ?? 0;
    if (offset >= 0x1c00 && offset < 0x1c80) return this.#bits(offset - 0x1c00, (source) => source.pending);
    if (offset >= 0x1d00 && offset < 0x1d80) return this.#bits(offset - 0x1d00, (source) => this.#active(source));
    if (offset >= 0x1e00 && offset < 0x1e80) return this.#bits(offset - 0x1e00, (source) => source.enabled);
    if (offset >= 0x3004 && offset < IDC) return this.#sources[(offset - 0x3000) >> 2]?.target ?? 0;
    if (offset >= IDC) return this.#readIdc((offset - IDC) >> 5, (offset - IDC) & 0x1f);
    return 0;
  }

  #readIdc(hart: number, register: number): number {
    const idc = this.#idc[hart];
    if (!idc || this.#messages) return 0;
    if (register === 0) return idc.delivery;
    if (register === 4) return idc.force;
    if (register === 8) return idc.threshold;
    const top = this.#top(hart);
    if (register === 0x1c && top !== 0) {
      const source = this.#sources[top >>> 16] as Source;
      if (source.mode < MODE_HIGH) source.pending = false;
      this.#update();
    }
    return register === 0x18 || register === 0x1c ? top : 0;
  }

  #bits(offset: number, test: (source: Source) => boolean): number {
    let value = 0;
    for (let bit = 0; bit < 32; bit++) {
      const number = (offset >> 2) * 32 + bit;
      const source = this.#sources[number];
      if (number > 0 && source && source.mode !== 0 && test(source)) value |= 1 << bit;
    }
    return value >>> 0;
  }

  write(offset: number, _width: number, value: number): void {
    if (offset === 0) this.#config = value & (DOMAINCFG_IE | (this.#options.message ? DOMAINCFG_DM : 0));
    else if (offset < 0x1000) this.#setMode(offset >> 2, value);
    else if (offset >= 0x1c00 && offset < 0x1c80)
      this.#each(offset - 0x1c00, value, (source) => this.#setPending(source));
    else if (offset === 0x1cdc || offset === 0x2000) this.#one(value, (source) => this.#setPending(source));
    else if (offset >= 0x1d00 && offset < 0x1d80)
      this.#each(offset - 0x1d00, value, (source) => this.#clearPending(source));
    else if (offset === 0x1ddc) this.#one(value, (source) => this.#clearPending(source));
    else if (offset >= 0x1e00 && offset < 0x1e80)
      this.#each(offset - 0x1e00, value, (source) => (source.enabled = true));
    else if (offset === 0x1edc) this.#one(value, (source) => (source.enabled = true));
    else if (offset >= 0x1f00 && offset < 0x1f80)
      this.#each(offset - 0x1f00, value, (source) => (source.enabled = false));
    else if (offset === 0x1fdc) this.#one(value, (source) => (source.enabled = false));
    else if (offset >= 0x3004 && offset < IDC) this.#setTarget((offset - 0x3000) >> 2, value);
    else if (offset >= IDC) this.#writeIdc((offset - IDC) >> 5, (offset - IDC) & 0x1f, value);
    this.#update();
  }

  #setMode(number: number, value: number): void {
    const source = this.#sources[number];
    if (!source || number === 0) return;
    const mode = (value & 0x400) !== 0 ? 0 : value & 7;
    source.mode = mode === 2 || mode === 3 ? 0 : mode;
    if (source.mode === 0) Object.assign(source, { pending: false, enabled: false, target: 0 });
    else if (source.mode >= MODE_HIGH) source.pending = this.#active(source);
  }

  /** @spec aia §4.7: what a write to setip or setipnum does depends on the source mode. */
  #setPending(source: Source): void {
    if (source.mode === 0) return;
    if (source.mode < MODE_HIGH) source.pending = true;
    else if (this.#messages && this.#active(source)) source.pending = true;
  }

  #clearPending(source: Source): void {
    if (source.mode < MODE_HIGH || this.#messages) source.pending = false;
  }

  #setTarget(number: number, value: number): void {
    const source = this.#sources[number];
    if (!source || source.mode === 0) return;
    if (this.#messages) source.target = (value & 0xfffff7ff) >>> 0;
    else source.target = ((value & 0xfffc0000) | (value & 0xff || 1)) >>> 0;
  }

  #writeIdc(hart: number, register: number, value: number): void {
    const idc = this.#idc[hart];
    if (!idc || this.#messages) return;
    if (register === 0) idc.delivery = value & 1;
    if (register === 4) idc.force = value & 1;
    if (register === 8) idc.threshold = value & 0xff;
  }

  #each(offset: number, value: number, act: (source: Source) => void): void {
    for (let bit = 0; bit < 32; bit++) if (((value >>> bit) & 1) === 1) this.#one((offset >> 2) * 32 + bit, act);
  }

  #one(number: number, act: (source: Source) => void): void {
    const source = this.#sources[number];
    if (number > 0 && source && source.mode !== 0) act(source);
  }
}

export const SOURCE_MODE = {
  detached: MODE_DETACHED,
  rising: MODE_RISING,
  falling: MODE_FALLING,
  high: MODE_HIGH,
  low: MODE_LOW,
} as const;
