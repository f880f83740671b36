// SPDX-License-Identifier: Apache-2.0
// The trace: records of 32 bytes in a ring per hart, what their fields mean for each kind, and the kinds of exits.
// Read by the generator (core/trace/spec.ts, core/guest/exit-kinds.ts) and by packages/trace. Data only.
//
//   0        8        16       24        28    29   30     31
//   | time   | a      | b      | duration | kind | sub | guest | vCPU |      time and duration in ticks
import { count, group, u32 } from "../row.ts";

export const traceRecord = group("A record: offsets of its fields, little-endian", {
  TRACE_TIME: count(0, "u64: host time in ticks at which it was written"),
  TRACE_A: count(8, "u64: see the kind"),
  TRACE_B: count(16, "u64: see the kind"),
  TRACE_DURATION: count(24, "u32: ticks that it took, up to `time`; 0 if it is a moment"),
  TRACE_KIND: count(28, "u8: TRACE_EXIT and so on"),
  TRACE_SUB: count(29, "u8: see the kind"),
  TRACE_GUEST: count(30, "u8: number of the guest that it is about; 0 is the host"),
  TRACE_VCPU: count(31, "u8: its vCPU"),
  TRACE_RECORD_BYTES: count(32, "Bytes of a record"),
});

export const traceKinds = group("Kinds of records; each is also a bit of the mask that switches tracing on", {
  TRACE_EXIT: count(
    1,
    "An exit was dealt with: sub = EXIT_*, a = guest pc, b = what it was about; SBI: function above bit 32",
  ),
  TRACE_ENTER: count(2, "The scheduler's choice is entered: a = guest pc"),
  TRACE_SWITCH: count(3, "The hart runs another: a = who comes, b = who goes (TRACE_WHO_*), sub = state of who goes"),
  TRACE_WAKE: count(4, "Something became ready: a = who, b = index of the hart that is to run it"),
  TRACE_INJECT: count(5, "An interrupt came to be pending in a vCPU: sub = TRACE_LINE_*"),
  TRACE_CONSOLE: count(6, "Bytes of a guest's console: sub = 0 out, 1 in; a = how many"),
  TRACE_LIFECYCLE: count(7, "A guest changed its state: sub = new state"),
  TRACE_WORKER: count(8, "A piece of the hypervisor's own work was done: a = who; guest = the one it was for"),
  TRACE_KINDS: count(9, "One past the last kind"),
  TRACE_ALL: u32(0x1fe, "Mask of all kinds"),
});

export const traceWho = group(
  "Who runs: nobody is 0, a vCPU is kind | guest << 8 | vCPU, a worker is kind | its number",
  {
    TRACE_WHO_VCPU: u32(0x1_0000, "A guest's vCPU"),
    TRACE_WHO_WORKER: u32(0x2_0000, "The hypervisor's own work"),
  },
);

export const traceLines = group("Interrupts of a vCPU", {
  TRACE_LINE_SOFT: count(0, "From another vCPU, or itself"),
  TRACE_LINE_TIMER: count(1, "Its timer, where the host has no Sstc"),
  TRACE_LINE_EXTERNAL: count(2, "Its interrupt controller"),
});

export const exitKinds = group("Kinds of exits", {
  EXIT_SBI_BASE: count(0, "SBI base"),
  EXIT_SBI_TIMER: count(1, "SBI TIME"),
  EXIT_SBI_IPI: count(2, "SBI IPI"),
  EXIT_SBI_FENCE: count(3, "SBI RFENCE"),
  EXIT_SBI_HSM: count(4, "SBI HSM"),
  EXIT_SBI_RESET: count(5, "SBI SRST"),
  EXIT_SBI_CONSOLE: count(6, "SBI DBCN"),
  EXIT_SBI_OTHER: count(7, "Any other SBI call"),
  EXIT_MMIO_LOAD: count(8, "Load from a device"),
  EXIT_MMIO_STORE: count(9, "Store to a device"),
  EXIT_PAGE: count(10, "RAM mapped on demand"),
  EXIT_WFI: count(11, "Wait for an interrupt"),
  EXIT_FP: count(12, "First use of floating point since it came here"),
  EXIT_ILLEGAL: count(13, "Illegal instruction"),
  EXIT_ACCESS_FAULT: count(14, "Access to nothing"),
  EXIT_TIMER_INTERRUPT: count(15, "The host's timer"),
  EXIT_IPI: count(16, "Another hart's kick"),
  EXIT_EXTERNAL_INTERRUPT: count(17, "A device of the host"),
  EXIT_YIELD: count(18, "A vCPU in a spin lock lets others go first (WRS)"),
  EXIT_OTHER: count(19, "None of these"),
  EXIT_KINDS: count(20, "How many kinds there are"),
});

export const traceGroups = [traceRecord, traceKinds, traceWho, traceLines] as const;
