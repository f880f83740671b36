// SPDX-License-Identifier: Apache-2.0
// guest stats: what one guest used and why it exited, for people or as one line of JSON. Called by the terminal's
// worker. Counters of vCPUs that run meanwhile may be a moment old.
import { exitCount, EXIT_KINDS, exitName } from "../../guest/exit";
import { Guest } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { nanoseconds } from "../../host/clock";
import { print, printColumn, printDec, printText } from "../../lib/print";
import { NAME_LENGTH } from "../../limits";
import { jsonKey, jsonNumber, jsonText, jsonWord } from "../json";
import { wantsJson } from "../words";
import { stateName } from "./guest";

export function showStats(guest: Guest): void {
  if (wantsJson()) asJson(guest);
  else asTable(guest);
}

/** Microseconds on harts, of all vCPUs. */
function runTime(guest: Guest): u64 {
  let ticks: u64 = 0;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) ticks += vcpuAt(guest, i).runTime;
  return nanoseconds(ticks) / 1000;
}

function exitsOf(guest: Guest, kind: u32): u64 {
  let exits: u64 = 0;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) exits += exitCount(vcpuAt(guest, i), kind);
  return exits;
}

function asTable(guest: Guest): void {
  printText(guest.name);
  print(" (");
  print(stateName(guest.state));
  print("), run time ");
  printDec(runTime(guest));
  print(" us, console bytes lost ");
  printDec(guest.console.lost);
  print("\n");
  let total: u64 = 0;
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) {
    const exits = exitsOf(guest, kind);
    total += exits;
    if (exits == 0) continue;
    print("  ");
    print(exitName(kind));
    printColumn(20);
    printDec(exits);
    print("\n");
  }
  print("  all exits");
  printColumn(20);
  printDec(total);
  print("\n");
}

function asJson(guest: Guest): void {
  print("{");
  jsonText("guest", guest.name, NAME_LENGTH);
  print(",");
  jsonWord("state", stateName(guest.state));
  print(",");
  jsonNumber("vcpus", guest.vcpuCount);
  print(",");
  jsonNumber("memoryKiB", guest.ramSize >> 10);
  print(",");
  jsonNumber("restarts", guest.restarts);
  print(",");
  jsonNumber("runTime", runTime(guest));
  print(",");
  jsonKey("exits");
  print("{");
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) {
    if (kind != 0) print(",");
    jsonNumber(exitName(kind), exitsOf(guest, kind));
  }
  print("}}\n");
}
