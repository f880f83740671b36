// SPDX-License-Identifier: Apache-2.0
// The SBI that a guest sees: one file per extension, one place that finds it. Trap context, registers already saved.
// A call changes a0 and a1 only. What is not here answers NOT_SUPPORTED, without a word in the log. @spec sbi §3
import {
  countExit,
  EXIT_SBI_BASE,
  EXIT_SBI_CONSOLE,
  EXIT_SBI_FENCE,
  EXIT_SBI_HSM,
  EXIT_SBI_IPI,
  EXIT_SBI_OTHER,
  EXIT_SBI_RESET,
  EXIT_SBI_TIMER,
} from "../../../guest/exit";
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
  const detail = (vcpu.x16 << 32) | (extension & 0xffff_ffff);
  if (extension == SBI_EXT_TIME) {
    countExit(vcpu, EXIT_SBI_TIMER, detail);
    vcpu.pc += 4;
    sbiTime(vcpu);
  } else if (extension == SBI_EXT_IPI) {
    countExit(vcpu, EXIT_SBI_IPI, detail);
    vcpu.pc += 4;
    sbiIpi(vcpu);
  } else if (extension == SBI_EXT_RFENCE) {
    countExit(vcpu, EXIT_SBI_FENCE, detail);
    vcpu.pc += 4;
    sbiRfence(vcpu);
  } else if (extension == SBI_EXT_BASE) {
    countExit(vcpu, EXIT_SBI_BASE, detail);
    vcpu.pc += 4;
    sbiBase(vcpu);
  } else {
    rareCall(vcpu, extension, detail);
  }
}

function rareCall(vcpu: Vcpu, extension: u64, detail: u64): void {
  let kind = EXIT_SBI_OTHER;
  if (extension == SBI_EXT_HSM) kind = EXIT_SBI_HSM;
  else if (extension == SBI_EXT_SRST) kind = EXIT_SBI_RESET;
  else if (extension == SBI_EXT_DBCN) kind = EXIT_SBI_CONSOLE;
  countExit(vcpu, kind, detail);
  vcpu.pc += 4;
  if (kind == EXIT_SBI_HSM) sbiHsm(vcpu);
  else if (kind == EXIT_SBI_RESET) sbiSrst(vcpu);
  else if (kind == EXIT_SBI_CONSOLE) sbiDbcn(vcpu);
  else failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
}
