// SPDX-License-Identifier: Apache-2.0
// host info, host cpu: the machine itself. Called by the terminal's worker; counters of other harts may be a moment
// old.
import * as hw from "../../hw";
import { hostIrqName, now } from "../../arch/seam";
import { nanoseconds, ticksPerSecond } from "../../host/clock";
import { Hart } from "../../host/hart";
import { hartByIndex, hartCount } from "../../host/harts";
import { unownedInterrupts } from "../../host/interrupts";
import { serialPresent } from "../../host/serial";
import { print, printColumn, printDec } from "../../lib/print";
import { arenaFree } from "../../mem/arena";
import { ramFree, ramTotal } from "../../mem/ram";
import { jsonKey, jsonNumber, jsonWord } from "../json";
import { wantsJson, wordIs } from "../words";
import { printBuild } from "./system";

export function hostCommand(): void {
  const json = wantsJson();
  if (wordIs(1, "info")) {
    if (json) infoAsJson();
    else info();
  } else if (wordIs(1, "cpu")) {
    if (!json) print("hart  id      state    idle ms     timer       ipi         device\n");
    for (let i: u32 = 0; i < hartCount(); i++) {
      if (json) hartAsJson(hartByIndex(i));
      else hartRow(hartByIndex(i));
    }
  } else {
    print("host info [-j], or host cpu [-j]\n");
  }
}

function consoleName(): string {
  return serialPresent() ? "16550" : "firmware";
}

function row(name: string, value: u64, unit: string): void {
  print(name);
  printColumn(24);
  printDec(value);
  print(unit);
  print("\n");
}

function word(name: string, value: string): void {
  print(name);
  printColumn(24);
  print(value);
  print("\n");
}

/** The image with its tables and stacks, and what the arena has handed out. */
function ownUsed(): u64 {
  return hw.imageEnd() - hw.imageStart() - arenaFree();
}

function info(): void {
  print("build");
  printColumn(24);
  printBuild();
  print("\n");
  row("up", nanoseconds(now()) / 1_000_000, " ms");
  row("harts", hartCount(), "");
  row("memory for guests", ramTotal() >> 20, " MiB");
  row("  of that free", ramFree() >> 20, " MiB");
  row("own memory in use", ownUsed() >> 10, " KiB");
  row("  and still free", arenaFree() >> 10, " KiB");
  row("timebase", ticksPerSecond(), " Hz");
  word("interrupts", hostIrqName());
  row("  without an owner", unownedInterrupts(), "");
  word("console", consoleName());
}

function infoAsJson(): void {
  print('{"host":{');
  jsonKey("build");
  print('"');
  printBuild();
  print('",');
  jsonNumber("upTime", nanoseconds(now()) / 1000);
  print(",");
  jsonNumber("harts", hartCount());
  print(",");
  jsonNumber("memoryKiB", ramTotal() >> 10);
  print(",");
  jsonNumber("freeKiB", ramFree() >> 10);
  print(",");
  jsonNumber("ownUsedKiB", ownUsed() >> 10);
  print(",");
  jsonNumber("ownFreeKiB", arenaFree() >> 10);
  print(",");
  jsonNumber("timebase", ticksPerSecond());
  print(",");
  jsonWord("interrupts", hostIrqName());
  print(",");
  jsonNumber("unowned", unownedInterrupts());
  print(",");
  jsonWord("console", consoleName());
  print("}}\n");
}

function stateName(hart: Hart): string {
  if (!hart.online) return "parked";
  return hart.current != 0 ? "busy" : "idle";
}

function hartRow(hart: Hart): void {
  printDec(hart.index);
  printColumn(6);
  printDec(hart.id);
  printColumn(14);
  print(stateName(hart));
  printColumn(23);
  printDec(nanoseconds(hart.idleTime) / 1_000_000);
  printColumn(35);
  printDec(hart.timerInterrupts);
  printColumn(47);
  printDec(hart.ipisReceived);
  printColumn(59);
  printDec(hart.externalInterrupts);
  print("\n");
}

function hartAsJson(hart: Hart): void {
  print("{");
  jsonNumber("hart", hart.index);
  print(",");
  jsonNumber("id", hart.id);
  print(",");
  jsonWord("state", stateName(hart));
  print(",");
  jsonNumber("idleTime", nanoseconds(hart.idleTime) / 1000);
  print(",");
  jsonNumber("timer", hart.timerInterrupts);
  print(",");
  jsonNumber("ipi", hart.ipisReceived);
  print(",");
  jsonNumber("device", hart.externalInterrupts);
  print("}\n");
}
