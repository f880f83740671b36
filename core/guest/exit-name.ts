// SPDX-License-Identifier: Apache-2.0
// What each kind of exit is called, as tables, JSON and crash records show it. Any context.
import {
  EXIT_ACCESS_FAULT,
  EXIT_EXTERNAL_INTERRUPT,
  EXIT_FP,
  EXIT_ILLEGAL,
  EXIT_IPI,
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
