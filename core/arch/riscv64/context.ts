// SPDX-License-Identifier: Apache-2.0
// The register file of one vCPU. Assembly saves the guest's general registers and pc here on each exit and enters
// with them; the rest moves only when a hart changes from one vCPU to another (switch.ts). First in every Vcpu, so a
// pointer to one is a pointer to the other. Assembly takes its offsets from this class: see runtime/offsets.h.

@unmanaged
export class Context {
  /** x0 is never saved: its slot is where assembly keeps this hart's `Hart` record while the guest runs. */
  hart: u64 = 0;
  x1: u64 = 0;
  x2: u64 = 0;
  x3: u64 = 0;
  x4: u64 = 0;
  x5: u64 = 0;
  x6: u64 = 0;
  x7: u64 = 0;
  x8: u64 = 0;
  x9: u64 = 0;
  x10: u64 = 0;
  x11: u64 = 0;
  x12: u64 = 0;
  x13: u64 = 0;
  x14: u64 = 0;
  x15: u64 = 0;
  x16: u64 = 0;
  x17: u64 = 0;
  x18: u64 = 0;
  x19: u64 = 0;
  x20: u64 = 0;
  x21: u64 = 0;
  x22: u64 = 0;
  x23: u64 = 0;
  x24: u64 = 0;
  x25: u64 = 0;
  x26: u64 = 0;
  x27: u64 = 0;
  x28: u64 = 0;
  x29: u64 = 0;
  x30: u64 = 0;
  x31: u64 = 0;
  /** Guest-virtual address of the next guest instruction. */
  pc: u64 = 0;

  // ---- Moved by switch.ts when the hart changes vCPU.
  hstatus: u64 = 0;
  sstatus: u64 = 0;
  hvip: u64 = 0;
  vsstatus: u64 = 0;
  vsie: u64 = 0;
  vstvec: u64 = 0;
  vsscratch: u64 = 0;
  vsepc: u64 = 0;
  vscause: u64 = 0;
  vstval: u64 = 0;
  vsatp: u64 = 0;
  scounteren: u64 = 0;
  senvcfg: u64 = 0;
  siselect: u64 = 0;
  /** Next guest timer interrupt in guest time; all ones means none. Loaded into vstimecmp where the host has Sstc. */
  timer: u64 = 0;

  // ---- Floating point, moved lazily by fp.ts.
  f0: u64 = 0;
  f1: u64 = 0;
  f2: u64 = 0;
  f3: u64 = 0;
  f4: u64 = 0;
  f5: u64 = 0;
  f6: u64 = 0;
  f7: u64 = 0;
  f8: u64 = 0;
  f9: u64 = 0;
  f10: u64 = 0;
  f11: u64 = 0;
  f12: u64 = 0;
  f13: u64 = 0;
  f14: u64 = 0;
  f15: u64 = 0;
  f16: u64 = 0;
  f17: u64 = 0;
  f18: u64 = 0;
  f19: u64 = 0;
  f20: u64 = 0;
  f21: u64 = 0;
  f22: u64 = 0;
  f23: u64 = 0;
  f24: u64 = 0;
  f25: u64 = 0;
  f26: u64 = 0;
  f27: u64 = 0;
  f28: u64 = 0;
  f29: u64 = 0;
  f30: u64 = 0;
  f31: u64 = 0;
  fcsr: u64 = 0;
}

/** Guest register `index` (0 to 31); x0 reads as zero. */
export function readRegister(context: Context, index: u32): u64 {
  return index == 0 ? 0 : load<u64>(changetype<usize>(context) + (((<usize>index) & 31) << 3));
}

/** Sets guest register `index` (0 to 31); a write to x0 is dropped. */
export function writeRegister(context: Context, index: u32, value: u64): void {
  if (index != 0) store<u64>(changetype<usize>(context) + (((<usize>index) & 31) << 3), value);
}
