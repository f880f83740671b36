// SPDX-License-Identifier: Apache-2.0
// Guest memory as one hart reaches it: stage-2 translation with that hart's caches, which never forget by themselves.
// Using an entry that the tables no longer contain is a violation: some fence is missing.
import type { DeviceBus } from "../bus.ts";
import { CSR } from "../csr.ts";
import { IMSIC_S } from "../host-tree.ts";
import { Violation } from "../faults.ts";
import type { Ram } from "../ram.ts";
import type { SimHart } from "../sim-hart.ts";
import { type AccessKind, decodeHgatp, walkStage2 } from "../stage2.ts";

const NEEDED: Readonly<Record<AccessKind, bigint>> = { load: 2n, store: 4n, fetch: 8n };

export class GuestMemory {
  readonly ram: Ram;

  readonly #bus: DeviceBus | undefined;

  constructor(ram: Ram, bus?: DeviceBus) {
    this.ram = ram;
    this.#bus = bus;
  }

  /** Whether the address lies in the page of a hardware interrupt file, which reads as zero. */
  isMessagePage(hpa: number): boolean {
    return this.#bus?.imsic?.isGuestFile(hpa) === true;
  }

  /** A store to the page of a hardware interrupt file; false if the address is none. */
  message(hpa: number, width: number, value: bigint): boolean {
    const imsic = this.#bus?.imsic;
    if (!imsic?.isGuestFile(hpa)) return false;
    if (width === 4) imsic.write(hpa - IMSIC_S, width, Number(BigInt.asUintN(32, value)));
    return true;
  }

  /** Host-physical address of a guest-physical byte, or null for a guest-page fault. */
  translate(hart: SimHart, gpa: bigint, kind: AccessKind): number | null {
    const table = decodeHgatp(hart.csrs.read(CSR.hgatp));
    const walked = walkStage2(this.ram, table, gpa, kind);
    if (gpa >> 50n !== 0n) return null;
    const page = Number(gpa >> 12n);
    const cached = hart.tlb.lookup(table.vmid, page);
    if (cached && (cached.pte & NEEDED[kind]) !== 0n) {
      const offset = Number(gpa & 0xfffn);
      if (!walked || walked.hpa !== cached.hpa + offset) {
        throw new Violation(
          `hart ${hart.index} uses a stale translation: vmid ${table.vmid} gpa ${gpa.toString(16)} is cached as ` +
            `${cached.hpa.toString(16)}, the tables say ${walked ? walked.hpa.toString(16) : "unmapped"}`,
        );
      }
      return walked.hpa;
    }
    if (!walked) return null;
    hart.tlb.fill(table.vmid, page, { hpa: walked.hpa - Number(gpa & 0xfffn), pte: walked.leaf.pte });
    return walked.hpa;
  }
}
