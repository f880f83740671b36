// SPDX-License-Identifier: Apache-2.0
// A vCPU's registers, by the names that its architecture gives them. Called by the terminal's worker. Those of a vCPU
// that runs meanwhile are what they were at its last exit, the control registers at its last change of hart.
import { faultRegisterCount, faultRegisterName, readRegister, stateRegister, stateRegisterName } from "../../arch/seam";
import { Vcpu } from "../../guest/vcpu";
import { closeRow, openPairs, showHex } from "./out";

/** Answers 1, as a step of a command does. */
export function showRegisters(vcpu: Vcpu): u32 {
  openPairs();
  for (let i: u32 = 0; i < faultRegisterCount(); i++) showHex(faultRegisterName(i), 0, readRegister(vcpu, i + 1));
  for (let i: u32 = 0; stateRegisterName(i).length != 0; i++) showHex(stateRegisterName(i), 0, stateRegister(vcpu, i));
  closeRow();
  return 1;
}
