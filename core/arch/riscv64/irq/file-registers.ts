// SPDX-License-Identifier: Apache-2.0
// The registers of this hart's guest interrupt files, reached through those of the vCPU that is loaded: which file that is
// stands in hstatus.VGEIN. Called by files.ts with the guest's message lock held; everything is as before afterwards.
// Never touches a file of another hart. @spec aia §2.3, §3.8, §6.1
import * as hw from "../../../hw";
import { CSR_HSTATUS, CSR_VSIREG, CSR_VSISELECT, HSTATUS_VGEIN_MASK, HSTATUS_VGEIN_SHIFT } from "../csr";
import { IMSIC_EIDELIVERY, IMSIC_EIE0, IMSIC_EIP0, IMSIC_EITHRESHOLD } from "./spec";
import { Vfile } from "./vfile";

function readIndirect(register: u64): u64 {
  hw.csrWrite(CSR_VSISELECT, register);
  return hw.csrRead(CSR_VSIREG);
}

function writeIndirect(register: u64, value: u64): void {
  hw.csrWrite(CSR_VSISELECT, register);
  hw.csrWrite(CSR_VSIREG, value);
}

/** Makes the indirect registers those of file `number`; answers hstatus as it was. */
function select(number: u32): u64 {
  const before = hw.csrRead(CSR_HSTATUS);
  hw.csrWrite(CSR_HSTATUS, (before & ~HSTATUS_VGEIN_MASK) | ((<u64>number) << HSTATUS_VGEIN_SHIFT));
  return before;
}

/**
 * Moves a state from memory to file `number`, which has `words` words of identities. Whatever a former owner left there
 * goes, also of identities that guests are not told of: nothing keeps one from using them. Delivery begins last.
 */
export function fillFile(file: Vfile, number: u32, words: u32): void {
  const selected = hw.csrRead(CSR_VSISELECT);
  const status = select(number);
  writeIndirect(IMSIC_EIDELIVERY, 0);
  for (let word: u32 = 0; word < file.words; word++) {
    const at = changetype<usize>(file) + (word << 3);
    writeIndirect(IMSIC_EIE0 + ((<u64>word) << 1), load<u64>(at, offsetof<Vfile>("enable")));
    writeIndirect(IMSIC_EIP0 + ((<u64>word) << 1), load<u64>(at));
    store<u64>(at, 0);
  }
  for (let word = file.words; word < words; word++) {
    writeIndirect(IMSIC_EIE0 + ((<u64>word) << 1), 0);
    writeIndirect(IMSIC_EIP0 + ((<u64>word) << 1), 0);
  }
  writeIndirect(IMSIC_EITHRESHOLD, file.threshold);
  writeIndirect(IMSIC_EIDELIVERY, file.delivery);
  hw.csrWrite(CSR_HSTATUS, status);
  hw.csrWrite(CSR_VSISELECT, selected);
}

/** Moves the state of file `number` to memory, where pending bits are added; the file is silent and empty afterwards. */
export function drainFile(file: Vfile, number: u32): void {
  const selected = hw.csrRead(CSR_VSISELECT);
  const status = select(number);
  file.delivery = <u32>readIndirect(IMSIC_EIDELIVERY);
  hw.csrWrite(CSR_VSIREG, 0);
  file.threshold = <u32>readIndirect(IMSIC_EITHRESHOLD);
  for (let word: u32 = 0; word < file.words; word++) {
    const at = changetype<usize>(file) + (word << 3);
    store<u64>(at, readIndirect(IMSIC_EIE0 + ((<u64>word) << 1)), offsetof<Vfile>("enable"));
    hw.csrWrite(CSR_VSISELECT, IMSIC_EIP0 + ((<u64>word) << 1));
    store<u64>(at, load<u64>(at) | hw.csrSwap(CSR_VSIREG, 0));
  }
  hw.csrWrite(CSR_HSTATUS, status);
  hw.csrWrite(CSR_VSISELECT, selected);
}
