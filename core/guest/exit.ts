// SPDX-License-Identifier: Apache-2.0
// Exits by kind: how often each vCPU had it, and the last few in order for its crash record.
// Counted in trap context with a handful of instructions.
import { EXIT_KINDS } from "./exit-kinds";
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
