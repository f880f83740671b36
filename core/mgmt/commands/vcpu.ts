// SPDX-License-Identifier: Apache-2.0
// vcpu list: every vCPU, where it belongs and what it used. Called by the terminal's worker; counters of those that
// run meanwhile may be a moment old.
import { exitCount, EXIT_KINDS } from "../../guest/exit";
import { Guest, GUEST_EMPTY } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { guestByIndex, guestCount } from "../../guest/table";
import { HSM_STARTED, Vcpu } from "../../guest/vcpu";
import { nanoseconds } from "../../host/clock";
import { print, printColumn, printDec, printText } from "../../lib/print";
import { NAME_LENGTH } from "../../limits";
import { POLICY_MONOTONIC, POLICY_PINNED, STATE_BLOCKED, STATE_READY, STATE_RUNNING } from "../../sched/entity";
import { jsonNumber, jsonText, jsonWord } from "../json";
import { wantsJson, wordIs } from "../words";

export function vcpuCommand(): void {
  if (!wordIs(1, "list")) {
    print("vcpu list [-j]\n");
    return;
  }
  const json = wantsJson();
  if (!json) print("guest               vcpu  hart  state    policy     prio  run ms    wait ms   switches  exits\n");
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    if (guest.state == GUEST_EMPTY) continue;
    for (let j: u32 = 0; j < guest.vcpuCount; j++) {
      if (json) asJson(guest, vcpuAt(guest, j));
      else asRow(guest, vcpuAt(guest, j));
    }
  }
}

function exitsOf(vcpu: Vcpu): u64 {
  let exits: u64 = 0;
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) exits += exitCount(vcpu, kind);
  return exits;
}

function stateName(vcpu: Vcpu): string {
  if (vcpu.hsm != HSM_STARTED && vcpu.state != STATE_RUNNING) return "off";
  if (vcpu.state == STATE_RUNNING) return "running";
  if (vcpu.state == STATE_READY) return "ready";
  return vcpu.state == STATE_BLOCKED ? "waiting" : "stopped";
}

function policyName(vcpu: Vcpu): string {
  if (vcpu.policy == POLICY_MONOTONIC) return "monotonic";
  return vcpu.policy == POLICY_PINNED ? "pinned" : "priority";
}

function asRow(guest: Guest, vcpu: Vcpu): void {
  printText(guest.name);
  printColumn(20);
  printDec(vcpu.index);
  printColumn(26);
  printDec(vcpu.home);
  printColumn(32);
  print(stateName(vcpu));
  printColumn(41);
  print(policyName(vcpu));
  printColumn(52);
  printDec(vcpu.priority);
  printColumn(58);
  printDec(nanoseconds(vcpu.runTime) / 1_000_000);
  printColumn(68);
  printDec(nanoseconds(vcpu.waitTime) / 1_000_000);
  printColumn(78);
  printDec(vcpu.switches);
  printColumn(88);
  printDec(exitsOf(vcpu));
  print("\n");
}

function asJson(guest: Guest, vcpu: Vcpu): void {
  print("{");
  jsonText("vcpuOf", guest.name, NAME_LENGTH);
  print(",");
  jsonNumber("vcpu", vcpu.index);
  print(",");
  jsonNumber("hart", vcpu.home);
  print(",");
  jsonWord("state", stateName(vcpu));
  print(",");
  jsonWord("policy", policyName(vcpu));
  print(",");
  jsonNumber("priority", vcpu.priority);
  print(",");
  jsonNumber("runTime", nanoseconds(vcpu.runTime) / 1000);
  print(",");
  jsonNumber("waitTime", nanoseconds(vcpu.waitTime) / 1000);
  print(",");
  jsonNumber("switches", vcpu.switches);
  print(",");
  jsonNumber("exits", exitsOf(vcpu));
  print("}\n");
}
