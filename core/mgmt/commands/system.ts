// SPDX-License-Identifier: Apache-2.0
// version, shutdown, reset. Called by the terminal's worker.
import { hostReset, hostShutdown } from "../../arch/seam";
import { lockConsole, outputFinish, unlockConsole } from "../../host/output";
import * as hw from "../../hw";
import { print, printText } from "../../lib/print";

const BUILD_SIZE: u32 = 64;
// @lock none: the terminal's worker only.
const build: usize = memory.data(<i32>BUILD_SIZE + 1, 8);

export function version(step: u32): u32 {
  print("TypeOne 0.1.0, build ");
  printText(buildName());
  print("\n");
  return 0;
}

/** The build's id, NUL-terminated. */
export function buildName(): usize {
  const length = hw.buildId(build, BUILD_SIZE);
  store<u8>(build + (length < BUILD_SIZE ? length : BUILD_SIZE), 0);
  return build;
}

export function powerOff(step: u32): u32 {
  print("powering off\n");
  finishOutput();
  hostShutdown();
  print("firmware cannot power this machine off\n");
  return 0;
}

export function restartMachine(step: u32): u32 {
  print("restarting the machine\n");
  finishOutput();
  hostReset();
  print("firmware cannot restart this machine\n");
  return 0;
}

function finishOutput(): void {
  lockConsole();
  outputFinish();
  unlockConsole();
}
