// SPDX-License-Identifier: Apache-2.0
// help, version, shutdown, reset. Called by the terminal's worker.
import { hostReset, hostShutdown } from "../../arch/seam";
import { lockConsole, outputFinish, unlockConsole } from "../../host/output";
import * as hw from "../../hw";
import { print, printText } from "../../lib/print";

const BUILD_SIZE: u32 = 64;
// @lock none: the terminal's worker only.
const build: usize = memory.data(<i32>BUILD_SIZE + 1, 8);

export function help(): void {
  print("guest list                   the guests, with number, state and memory\n");
  print("guest stats NAME [-j]        one guest's counters; -j as one line of JSON (runTime in microseconds)\n");
  print("guest pause NAME             its vCPUs stand still\n");
  print("guest resume NAME            they go on\n");
  print("guest reset NAME             it starts again from clean memory, also after a crash or a shutdown\n");
  print("guest destroy NAME           it goes, and its memory is free\n");
  print("guest crash NAME             why the hypervisor stopped it\n");
  print("guest console NAME           the same as Ctrl-] and its number\n");
  print("vcpu list [-j]               the vCPUs, with hart, state and times\n");
  print("host info [-j]               memory, interrupts and time of this machine\n");
  print("host cpu [-j]                the harts\n");
  print("log                          the hypervisor's messages again\n");
  print("version                      which build this is\n");
  print("shutdown, reset              the whole machine\n");
  print("Keys: Ctrl-] and a digit shows a console, Ctrl-] ? lists all keys\n");
}

export function version(): void {
  print("TypeOne 0.1.0, build ");
  printBuild();
  print("\n");
}

/** Appends the build's id. */
export function printBuild(): void {
  const length = hw.buildId(build, BUILD_SIZE);
  store<u8>(build + (length < BUILD_SIZE ? length : BUILD_SIZE), 0);
  printText(build);
}

export function powerOff(): void {
  print("powering off\n");
  finishOutput();
  hostShutdown();
  print("firmware cannot power this machine off\n");
}

export function restartMachine(): void {
  print("restarting the machine\n");
  finishOutput();
  hostReset();
  print("firmware cannot restart this machine\n");
}

function finishOutput(): void {
  lockConsole();
  outputFinish();
  unlockConsole();
}
