// SPDX-License-Identifier: Apache-2.0
// The SBI that a guest sees: one file per extension, one place that finds it. Trap context, registers already saved.
// A call changes a0 and a1 only. What is not here answers NOT_SUPPORTED, without a word in the log. @spec sbi §3
import {
  countCall,
  EXIT_SBI_BASE,
  EXIT_SBI_CONSOLE,
  EXIT_SBI_FENCE,
  EXIT_SBI_HSM,
  EXIT_SBI_IPI,
  EXIT_SBI_OTHER,
  EXIT_SBI_RESET,
  EXIT_SBI_TIMER,
} from "../../../guest/exit";
import { Description } from "../../../guest/description";
import { goWrong, SELF_TEST_EXTENSION } from "../../../guest/self-test";
import { Vcpu } from "../../../guest/vcpu";
import {
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_BASE,
  SBI_EXT_DBCN,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_EXT_SRST,
  SBI_EXT_TIME,
} from "../sbi-spec";
import { sbiBase } from "./base";
import { sbiDbcn } from "./dbcn";
import { sbiHsm } from "./hsm";
import { sbiIpi } from "./ipi";
import { failWith } from "./result";
import { sbiRfence } from "./rfence";
import { sbiSrst } from "./srst";
import { sbiTime } from "./time";

/** Carries out the call in the vCPU's registers and moves past the ecall. */
export function sbiCall(vcpu: Vcpu): void {
  const extension = vcpu.x17;
  const func = vcpu.x16;
  if (extension == SBI_EXT_TIME) {
    countCall(vcpu, EXIT_SBI_TIMER, extension, func);
    sbiTime(vcpu, func);
  } else if (extension == SBI_EXT_BASE) {
    countCall(vcpu, EXIT_SBI_BASE, extension, func);
    sbiBase(vcpu, func);
  } else if (extension == SBI_EXT_IPI) {
    countCall(vcpu, EXIT_SBI_IPI, extension, func);
    sbiIpi(vcpu, func);
  } else if (extension == SBI_EXT_RFENCE) {
    countCall(vcpu, EXIT_SBI_FENCE, extension, func);
    sbiRfence(vcpu, func);
  } else if (extension == SBI_EXT_HSM) {
    countCall(vcpu, EXIT_SBI_HSM, extension, func);
    sbiHsm(vcpu, func);
  } else {
    rareCall(vcpu, extension, func);
  }
}

function rareCall(vcpu: Vcpu, extension: u64, func: u64): void {
  if (extension == SBI_EXT_SRST) {
    countCall(vcpu, EXIT_SBI_RESET, extension, func);
    sbiSrst(vcpu, func);
  } else if (extension == SBI_EXT_DBCN) {
    countCall(vcpu, EXIT_SBI_CONSOLE, extension, func);
    sbiDbcn(vcpu, func);
  } else {
    countCall(vcpu, EXIT_SBI_OTHER, extension, func);
    const mayGoWrong =
      extension == SELF_TEST_EXTENSION && changetype<Description>(vcpu.guest.description).selfTest != 0;
    if (!mayGoWrong || !goWrong(func)) failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
  }
}
