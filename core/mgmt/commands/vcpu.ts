// SPDX-License-Identifier: Apache-2.0
// vcpu list, pause, resume, dumpreg, set_affinity, set_priority, set_weight. Called by the terminal's worker; counters of
// vCPUs that run meanwhile may be a moment old, changes go through guest/vcpu-control.ts, which locks.
import { exitsOf } from "../../guest/exit";
import { Guest, GUEST_EMPTY } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { guestByIndex, guestCount } from "../../guest/table";
import { HSM_STARTED, Vcpu } from "../../guest/vcpu";
import { pauseVcpu, resumeVcpu, setAffinity, setPriority, setWeight } from "../../guest/vcpu-control";
import { print } from "../../lib/print";
import { MAX_HARTS, MAX_VCPUS } from "../../limits";
import { Entity, POLICY_MONOTONIC, POLICY_PINNED, STATE_BLOCKED, STATE_READY, STATE_RUNNING } from "../../sched/entity";
import { argGuest, argNumber, argText, argVcpu, printVcpu } from "./args";
import { lastNumber, printWord, readNumber, wordLength, wordStart } from "./words";
import { say } from "./status-words";
import { closeRow, openRow, showNumber, showText, showTime, showWord } from "./out";
import { showRegisters } from "./registers";

const COMMA: u32 = 0x2c;
const DASH: u32 = 0x2d;

/** The vCPU of a step in a list of all, null if there is none there; `guestCount() * MAX_VCPUS` steps in all. */
export function vcpuOfStep(step: u32): Vcpu {
  const guest = guestByIndex(step / MAX_VCPUS);
  const named = changetype<usize>(argGuest());
  const index = step % MAX_VCPUS;
  if (guest.state == GUEST_EMPTY || index >= guest.vcpuCount || (named != 0 && named != changetype<usize>(guest)))
    return changetype<Vcpu>(0);
  return vcpuAt(guest, index);
}

export function vcpuList(step: u32): u32 {
  if (step >= guestCount() * MAX_VCPUS) return 0;
  const vcpu = vcpuOfStep(step);
  if (changetype<usize>(vcpu) == 0) return 1;
  const guest: Guest = vcpu.guest;
  openRow();
  do {
    showNumber("vcpu", 6, vcpu.index);
    showText("guest", 16, guest.name);
    showNumber("hart", 6, vcpu.home);
    showWord("state", 9, stateName(vcpu));
    showTime("runTime", 13, vcpu.runTime);
    showTime("waitTime", 13, vcpu.waitTime);
    showNumber("switches", 10, vcpu.switches);
    showNumber("exits", 10, exitsOf(vcpu));
  } while (closeRow());
  return 1;
}

function stateName(vcpu: Vcpu): string {
  if (vcpu.paused != 0) return "paused";
  if (vcpu.hsm != HSM_STARTED && vcpu.state != STATE_RUNNING) return "off";
  if (vcpu.state == STATE_RUNNING) return "running";
  if (vcpu.state == STATE_READY) return "ready";
  return vcpu.state == STATE_BLOCKED ? "waiting" : "stopped";
}

export function policyName(entity: Entity): string {
  if (entity.policy == POLICY_MONOTONIC) return "monotonic";
  return entity.policy == POLICY_PINNED ? "pinned" : "priority";
}

export function vcpuRegisters(step: u32): u32 {
  showRegisters(argVcpu());
  return 0;
}

export function vcpuPause(step: u32): u32 {
  return tell(pauseVcpu(argVcpu()));
}

export function vcpuResume(step: u32): u32 {
  return tell(resumeVcpu(argVcpu()));
}

export function vcpuPriority(step: u32): u32 {
  return tell(setPriority(argVcpu(), argNumber()));
}

export function vcpuWeight(step: u32): u32 {
  return tell(setWeight(argVcpu(), argNumber()));
}

export function vcpuAffinity(step: u32): u32 {
  const mask = readHarts(wordStart(argText()), wordLength(argText()));
  if (mask != 0) return tell(setAffinity(argVcpu(), mask));
  printWord(argText());
  print(" names no harts; harts are written as 0,2-3; host cpu shows them\n");
  return 0;
}

function tell(status: i32): u32 {
  printVcpu();
  print(": ");
  return say(status);
}

/** `0,2-3` as a bit mask, 0 if it is no list of harts. */
function readHarts(at: usize, length: u32): u64 {
  let mask: u64 = 0;
  let first: u64 = MAX_HARTS;
  let start: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    const byte: u32 = i < length ? load<u8>(at + i) : COMMA;
    if (byte != COMMA && byte != DASH) continue;
    if (!readNumber(at + start, i - start) || lastNumber() >= MAX_HARTS) return 0;
    start = i + 1;
    if (byte == DASH) {
      if (first != MAX_HARTS) return 0;
      first = lastNumber();
      continue;
    }
    for (let hart = min<u64>(first, lastNumber()); hart <= lastNumber(); hart++) mask |= (<u64>1) << hart;
    first = MAX_HARTS;
  }
  return mask;
}
