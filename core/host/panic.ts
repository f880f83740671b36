// SPDX-License-Identifier: Apache-2.0
// The report of a fault in the hypervisor: registers by name, fields by name, a backtrace with the functions' names as
// TypeScript knows them, and the build's id. After `panic` this hart stands still and the others stop as soon as they are kicked.
import { describeCause, reportStatus, faultRegister, faultRegisterCount, faultRegisterName } from "../arch/seam";
import * as hw from "../hw";
import { print, printAbandon, printDec, printHex, printText } from "../lib/print";
import { releaseAll } from "../lib/lock";
import { MAX_HARTS } from "../limits";
import { askHart } from "../sched/harts";
import { Hart, thisHart } from "./hart";
import { hartCount } from "./harts";
import { outputFinish } from "./output";

const MAX_FRAMES: u32 = 16;
const FRAMES_BYTES: usize = 128;
const TEXT_BYTES: usize = 96;
// @lock none: a slice for each hart, because several may be containing at once.
const frameSlices: usize = memory.data(<i32>(MAX_HARTS * FRAMES_BYTES), 8);
const textSlices: usize = memory.data(<i32>(MAX_HARTS * TEXT_BYTES), 8);
// @lock atomics only
const panicked: usize = memory.data(8, 8);

/** Whether some hart has panicked: then every other parks. */
export function machineStopped(): u32 {
  return hw.atomicLoad(panicked);
}

/** Prints the report and stops the machine. */
export function panic(hart: Hart): void {
  if (hw.atomicSwap(panicked, 1) == 0) {
    releaseAll();
    printAbandon();
    // A toolstack may have the line: it is people's again, and every byte is waited for.
    outputFinish();
    print("\n");
    print("PANIC: a fault of the hypervisor that no guest can be blamed for\n");
    reportFault(hart);
    outputFinish();
    for (let i: u32 = 0; i < hartCount(); i++) if (i != hart.index) askHart(i);
  }
  hw.park();
}

/** Where and why this hart faulted, in words. */
export function reportFault(hart: Hart): void {
  print("fault on hart ");
  printDec(hart.id);
  print(": ");
  print(describeCause(hart.faultCause));
  print(", pc ");
  printHex(hart.faultPc);
  printSymbol(hart.faultPc);
  print(", value ");
  printHex(hart.faultValue);
  print("\n");
  for (let i: u32 = 0; i < faultRegisterCount(); i++) {
    print(faultRegisterName(i));
    print("=");
    printHex(faultRegister(hart, i));
    print(i % 4 == 3 || i == faultRegisterCount() - 1 ? "\n" : "  ");
  }
  reportStatus();
  const frames = frameSlices + thisHart().index * FRAMES_BYTES;
  const count = hw.backtrace(frames, MAX_FRAMES, faultRegister(hart, 1));
  for (let i: u32 = 0; i < count; i++) {
    print("  called from ");
    printHex(load<u64>(frames + ((<usize>i) << 3)));
    printSymbol(load<u64>(frames + ((<usize>i) << 3)));
    print("\n");
  }
  print("build ");
  const text = textSlices + thisHart().index * TEXT_BYTES;
  store<u8>(text + hw.buildId(text, 64), 0);
  printText(text);
  print("\n");
}

/** " (function+0x…)" */
function printSymbol(pc: u64): void {
  const text = textSlices + thisHart().index * TEXT_BYTES;
  const length = hw.symbolName(pc, text, 90);
  if (length == 0) return;
  store<u8>(text + length, 0);
  print(" (");
  printText(text);
  print(")");
}
