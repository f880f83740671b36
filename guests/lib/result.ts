// SPDX-License-Identifier: Apache-2.0
// Checks and the verdict: a payload calls check() for each fact and finish() at the end, which prints one RESULT line
// and shuts the guest down. The exports that the runtime needs are here with their default meaning.
import { SBI_SRST_TYPE_SHUTDOWN } from "../../core/arch/riscv64/sbi-spec";
import { hartStop } from "./sbi";
import { reset } from "./sbi";
import { lockConsole, print, printHex, printNumber, printSigned, putByte, unlockConsole } from "./print";

const MAX_REPORTED: u32 = 20;
let checks: u32 = 0;
let failures: u32 = 0;

/** Counts one check; a failing one is printed with what was found. */
export function check(what: string, good: bool, found: u64): void {
  checks++;
  if (good) return;
  failures++;
  if (failures > MAX_REPORTED) return;
  lockConsole();
  print("FAIL ");
  print(what);
  print(" found ");
  printHex(found);
  putByte(10);
  unlockConsole();
}

export function equal(what: string, found: u64, wanted: u64): void {
  checks++;
  if (found == wanted) return;
  failures++;
  if (failures > MAX_REPORTED) return;
  lockConsole();
  print("FAIL ");
  print(what);
  print(" found ");
  printHex(found);
  print(" wanted ");
  printHex(wanted);
  putByte(10);
  unlockConsole();
}

export function equalSigned(what: string, found: i64, wanted: i64): void {
  if (found == wanted) checks++;
  else {
    equal(what, <u64>found, <u64>wanted);
  }
}

/** Prints the verdict and shuts the guest down. */
export function finish(): void {
  lockConsole();
  print(failures == 0 ? "RESULT ok " : "RESULT fail ");
  printNumber(checks);
  print(" checks ");
  printNumber(failures);
  print(" failed\n");
  unlockConsole();
  reset(SBI_SRST_TYPE_SHUTDOWN);
}

/** A trap that the payload did not ask for. */
export function unexpected(cause: u64, tval: u64): void {
  print("RESULT fail unexpected trap cause ");
  printHex(cause);
  print(" tval ");
  printHex(tval);
  putByte(10);
  reset(SBI_SRST_TYPE_SHUTDOWN);
}

/** The runtime calls it when a TypeScript check of the payload fails; `line` is the source line. */
export function failed(line: u32): void {
  print("RESULT fail assertion at line ");
  printSigned(line);
  putByte(10);
  reset(SBI_SRST_TYPE_SHUTDOWN);
}

/** `interrupt` for payloads that expect none. */
export function noInterrupt(cause: u64, tval: u64): void {
  unexpected(cause, tval);
}

/** `secondary` for payloads that start no hart. */
export function noSecondary(_hart: u64, _argument: u64): void {
  hartStop();
}
