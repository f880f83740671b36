// SPDX-License-Identifier: Apache-2.0
// The supervisor-level interrupt files of an IMSIC: one per hart and any number of guest files, with their MMIO pages.
import type { InterruptFile } from "../csr-file.ts";
import { IMSIC_S, imsicStride } from "../host-tree.ts";
import type { HostDevice, LineSetter } from "./device.ts";

const EIDELIVERY = 0x70n;
const EITHRESHOLD = 0x72n;
const EIP = 0x80n;
const EIE = 0xc0n;

/** @spec aia §3: one interrupt file with `identities` minor identities. */
export class ImsicFile implements InterruptFile {
  select = 0n;
  readonly #pending: Uint8Array;
  readonly #enabled: Uint8Array;
  readonly #update: (level: boolean) => void;
  #delivery = 0n;
  #threshold = 0n;

  constructor(identities: number, update: (level: boolean) => void) {
    this.#pending = new Uint8Array(identities + 1);
    this.#enabled = new Uint8Array(identities + 1);
    this.#update = update;
  }

  /** A message arrives: sets one pending bit. */
  message(identity: number): void {
    if (identity >= 1 && identity < this.#pending.length) this.#pending[identity] = 1;
    this.#signal();
  }

  #best(): number {
    const limit = this.#threshold === 0n ? this.#pending.length : Number(this.#threshold);
    for (let identity = 1; identity < Math.min(limit, this.#pending.length); identity++) {
      if (this.#pending[identity] === 1 && this.#enabled[identity] === 1) return identity;
    }
    return 0;
  }

  #signal(): void {
    this.#update(this.#delivery === 1n && this.#best() !== 0);
  }

  top(): bigint {
    const identity = BigInt(this.#best());
    return (identity << 16n) | identity;
  }

  claim(): void {
    const identity = this.#best();
    if (identity !== 0) this.#pending[identity] = 0;
    this.#signal();
  }

  /** Even registers of the eip and eie arrays hold 64 bits on RV64; odd ones do not exist. */
  #row(): { bits: Uint8Array; first: number } | null {
    const inEip = this.select >= EIP && this.select < EIP + 64n;
    const inEie = this.select >= EIE && this.select < EIE + 64n;
    if ((!inEip && !inEie) || this.select % 2n !== 0n) return null;
    const index = Number(this.select - (inEip ? EIP : EIE));
    return { bits: inEip ? this.#pending : this.#enabled, first: index * 32 };
  }

  readIndirect(): bigint {
    if (this.select === EIDELIVERY) return this.#delivery;
    if (this.select === EITHRESHOLD) return this.#threshold;
    const row = this.#row();
    let value = 0n;
    for (let bit = 0; row && bit < 64; bit++) if (row.bits[row.first + bit] === 1) value |= 1n << BigInt(bit);
    return value;
  }

  writeIndirect(value: bigint): void {
    if (this.select === EIDELIVERY) this.#delivery = value & 1n;
    else if (this.select === EITHRESHOLD) this.#threshold = value & 0x7ffn;
    const row = this.#row();
    for (let bit = 0; row && bit < 64; bit++) {
      const identity = row.first + bit;
      if (identity >= 1 && identity < row.bits.length) row.bits[identity] = Number((value >> BigInt(bit)) & 1n);
    }
    this.#signal();
  }
}

/** Drives a hart's hgeip bit. */
export type GuestLineSetter = (hart: number, file: number, level: boolean) => void;

export class HostImsic implements HostDevice {
  readonly files: readonly ImsicFile[];
  /** By hart, then by number from 1; number 0 is the hart's own again. */
  readonly guestFiles: readonly (readonly ImsicFile[])[];
  readonly stride: number;

  constructor(harts: number, guests: number, drive: LineSetter, driveGuest: GuestLineSetter = () => {}) {
    this.stride = imsicStride(guests);
    this.files = Array.from({ length: harts }, (_, index) => new ImsicFile(255, (level) => drive(index, level)));
    this.guestFiles = this.files.map((own, hart) => [
      own,
      ...Array.from({ length: guests }, (_, i) => new ImsicFile(255, (level) => driveGuest(hart, i + 1, level))),
    ]);
  }

  /** A message to file `file` of a hart; 0 is the hart's own. */
  message(hart: number, file: number, identity: number): void {
    this.guestFiles[hart]?.[file]?.message(identity);
  }

  /** Whether a host-physical address lies in the page of a guest file. */
  isGuestFile(hpa: number): boolean {
    const offset = hpa - IMSIC_S;
    if (offset < 0 || offset >= this.stride * this.files.length) return false;
    const page = (offset % this.stride) >> 12;
    return page !== 0 && page < (this.guestFiles[0]?.length ?? 0);
  }

  read(): number {
    return 0;
  }

  write(offset: number, _width: number, value: number): void {
    const within = offset % this.stride;
    if ((within & 0xfff) === 0) this.message(Math.floor(offset / this.stride), within >> 12, value);
  }
}
