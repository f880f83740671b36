// SPDX-License-Identifier: Apache-2.0
// Exits by kind: what each is called, how often each vCPU had it, and the last few in order for its crash record.
// Counted in trap context with a handful of instructions.
import { Vcpu } from "./vcpu";

export const EXIT_SBI_BASE: u32 = 0;
export const EXIT_SBI_TIMER: u32 = 1;
export const EXIT_SBI_IPI: u32 = 2;
export const EXIT_SBI_FENCE: u32 = 3;
export const EXIT_SBI_HSM: u32 = 4;
export const EXIT_SBI_RESET: u32 = 5;
export const EXIT_SBI_CONSOLE: u32 = 6;
export const EXIT_SBI_OTHER: u32 = 7;
export const EXIT_MMIO_LOAD: u32 = 8;
export const EXIT_MMIO_STORE: u32 = 9;
export const EXIT_PAGE: u32 = 10;
export const EXIT_WFI: u32 = 11;
export const EXIT_FP: u32 = 12;
export const EXIT_ILLEGAL: u32 = 13;
export const EXIT_ACCESS_FAULT: u32 = 14;
export const EXIT_TIMER_INTERRUPT: u32 = 15;
export const EXIT_IPI: u32 = 16;
export const EXIT_EXTERNAL_INTERRUPT: u32 = 17;
/** A vCPU in a spin lock lets others go first (WRS). */
export const EXIT_YIELD: u32 = 18;
export const EXIT_OTHER: u32 = 19;
export const EXIT_KINDS: u32 = 20;

/** Bytes of the 64 exits remembered per vCPU; a power of two. */
export const TRAIL_BYTES: u32 = 2048;

/** One remembered exit, 32 bytes. */
@unmanaged
export class TrailEntry {
  /** Guest-virtual address of the guest's instruction. */
  pc: u64 = 0;
  /** What it was about: an SBI extension, a guest-physical address, an instruction. */
  detail: u64 = 0;
  /** The SBI function; of other kinds it means nothing. */
  func: u64 = 0;
  kind: u32 = 0;
  pad: u32 = 0;
}

/** Counts an exit and remembers what it was about. */
export function countExit(vcpu: Vcpu, kind: u32, detail: u64): void {
  remember(vcpu, kind, vcpu.pc, detail);
}

/** The same for a call of the SBI, which the guest then goes on behind. */
export function countCall(vcpu: Vcpu, kind: u32, extension: u64, func: u64): void {
  const pc = vcpu.pc;
  vcpu.pc = pc + 4;
  remember(vcpu, kind, pc, extension).func = func;
}

/** The common part, for a caller that has the pc at hand. */
export function remember(vcpu: Vcpu, kind: u32, pc: u64, detail: u64): TrailEntry {
  const counter = changetype<usize>(vcpu) + ((<usize>kind) << 3);
  store<u64>(counter, load<u64>(counter, offsetof<Vcpu>("exit0")) + 1, offsetof<Vcpu>("exit0"));
  const at = vcpu.trail;
  // The trail begins at a multiple of its size, so its end shows in the low bits.
  const next = at + offsetof<TrailEntry>();
  vcpu.trail = next & (TRAIL_BYTES - 1) ? next : next - TRAIL_BYTES;
  const entry = changetype<TrailEntry>(at);
  entry.pc = pc;
  entry.detail = detail;
  entry.kind = kind;
  return entry;
}

/** How often the vCPU had exits of that kind. */
export function exitCount(vcpu: Vcpu, kind: u32): u64 {
  return load<u64>(changetype<usize>(vcpu) + offsetof<Vcpu>("exit0") + ((<usize>kind) << 3));
}

/** The name of an exit kind, as tables and JSON show it. */
export function exitName(kind: u32): string {
  switch (kind) {
    case EXIT_SBI_BASE:
      return "sbi-base";
    case EXIT_SBI_TIMER:
      return "sbi-timer";
    case EXIT_SBI_IPI:
      return "sbi-ipi";
    case EXIT_SBI_FENCE:
      return "sbi-fence";
    case EXIT_SBI_HSM:
      return "sbi-hsm";
    case EXIT_SBI_RESET:
      return "sbi-reset";
    case EXIT_SBI_CONSOLE:
      return "sbi-console";
    case EXIT_SBI_OTHER:
      return "sbi-other";
    case EXIT_MMIO_LOAD:
      return "mmio-load";
    case EXIT_MMIO_STORE:
      return "mmio-store";
    case EXIT_PAGE:
      return "page";
    case EXIT_WFI:
      return "wfi";
    case EXIT_FP:
      return "fp";
    case EXIT_ILLEGAL:
      return "illegal";
    case EXIT_ACCESS_FAULT:
      return "access-fault";
    case EXIT_TIMER_INTERRUPT:
      return "timer";
    case EXIT_IPI:
      return "ipi";
    case EXIT_EXTERNAL_INTERRUPT:
      return "interrupt";
    case EXIT_YIELD:
      return "yield";
    default:
      return "other";
  }
}
