// SPDX-License-Identifier: Apache-2.0
// Exits by kind: what each is called, how often each vCPU had it, and the last few in order for its crash record.
// Counted in trap context with a handful of instructions.
import {
  EXIT_ACCESS_FAULT,
  EXIT_EXTERNAL_INTERRUPT,
  EXIT_FP,
  EXIT_ILLEGAL,
  EXIT_IPI,
  EXIT_KINDS,
  EXIT_MMIO_LOAD,
  EXIT_MMIO_STORE,
  EXIT_PAGE,
  EXIT_SBI_BASE,
  EXIT_SBI_CONSOLE,
  EXIT_SBI_FENCE,
  EXIT_SBI_HSM,
  EXIT_SBI_IPI,
  EXIT_SBI_OTHER,
  EXIT_SBI_RESET,
  EXIT_SBI_TIMER,
  EXIT_TIMER_INTERRUPT,
  EXIT_WFI,
  EXIT_YIELD,
} from "./exit-kinds";
import { TRAIL_BYTES } from "../limits";
import { Vcpu } from "./vcpu";

export * from "./exit-kinds";

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
  /** 1 once the trace has it (trace/run.ts). */
  traced: u32 = 0;
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
  // Kind, and not traced, in one store.
  store<u64>(at, kind, offsetof<TrailEntry>("kind"));
  return entry;
}

/** The newest exit that it remembers. */
export function lastExit(vcpu: Vcpu): TrailEntry {
  const start = vcpu.trail & ~(<usize>TRAIL_BYTES - 1);
  return changetype<TrailEntry>(start + ((vcpu.trail - offsetof<TrailEntry>()) & (<usize>TRAIL_BYTES - 1)));
}

/** How often the vCPU had exits of that kind. */
export function exitCount(vcpu: Vcpu, kind: u32): u64 {
  return load<u64>(changetype<usize>(vcpu) + offsetof<Vcpu>("exit0") + ((<usize>kind) << 3));
}

/** How often the vCPU had exits of any kind. */
export function exitsOf(vcpu: Vcpu): u64 {
  let exits: u64 = 0;
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) exits += exitCount(vcpu, kind);
  return exits;
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
