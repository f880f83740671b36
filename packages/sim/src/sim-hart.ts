// SPDX-License-Identifier: Apache-2.0
// One simulated hart: its CSRs, translation caches, floating-point registers and what it is doing. It decides nothing;
// run.ts steps it and imports.ts lets the core reach it.
import { CsrFile, type CsrOptions } from "./csr-file.ts";
import { CSR, HENVCFG_STCE } from "./csr.ts";
import { Tlb } from "./tlb.ts";

/** off: firmware holds it. starting: will enter `secondary`. idle: in WFI. guest: runs a vCPU. parked: stopped for good. */
export type HartMode = "off" | "starting" | "idle" | "guest" | "parked";

export const NEVER = (1n << 64n) - 1n;

export class SimHart {
  readonly index: number;
  /** Number in firmware's terms. */
  readonly id: bigint;
  readonly csrs: CsrFile;
  readonly tlb = new Tlb();
  /** 32 floating-point registers, then fcsr. */
  readonly fp = new BigUint64Array(33);
  mode: HartMode = "off";
  /** Linear address of the core's record of this hart; 0 before setHart. */
  record = 0;
  /** Context that runs here; 0 when none does. */
  context = 0;
  /** Exits leave their time and the guest's interrupt lines in the record (hw.noteExits). */
  notesExits = false;
  /** HSM's opaque argument of the pending start. */
  opaque = 0n;
  /** Firmware's timer, where there is no Sstc. */
  firmwareDeadline = NEVER;
  /** The guest computes until then. */
  busyUntil = 0n;
  /** The guest sits in a WFI that the host does not trap. */
  stalled = false;
  /** The core's code runs on this hart (possibly below a nested step of another). */
  inFlight = false;
  /** Traps taken, and those that came out of WFI. */
  traps = 0;
  wakes = 0;

  constructor(index: number, id: bigint, options: CsrOptions, time: () => bigint) {
    this.index = index;
    this.id = id;
    this.csrs = new CsrFile(options, time);
    this.csrs.firmwareTimer = () => time() >= this.firmwareDeadline;
  }

  /** Host interrupts that would interrupt a guest or end a WFI. */
  hostPending(): bigint {
    return this.csrs.pending() & this.csrs.enables & 0x1222n;
  }

  /** Anything that ends a WFI of the hypervisor: every locally enabled interrupt, delegated or not. */
  wakePending(): bigint {
    return this.csrs.pending() & this.csrs.enables;
  }

  /** The earliest future moment at which something happens here by itself. */
  nextEvent(now: bigint): bigint {
    let next = NEVER;
    const consider = (at: bigint): void => {
      if (at > now && at < next) next = at;
    };
    if (this.csrs.options.sstc) {
      consider(this.csrs.read(CSR.stimecmp));
      if (this.csrs.options.hypervisor && (this.csrs.read(CSR.henvcfg) & HENVCFG_STCE) !== 0n) {
        const compare = this.csrs.read(CSR.vstimecmp);
        if (compare !== NEVER) consider(BigInt.asUintN(64, compare - this.csrs.read(CSR.htimedelta)));
      }
    }
    consider(this.firmwareDeadline);
    if (this.mode === "guest") consider(this.busyUntil);
    return next;
  }
}
