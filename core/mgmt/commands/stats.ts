// SPDX-License-Identifier: Apache-2.0
// guest stats, vcpu dumpstat: what a guest or a vCPU used and why it exited; host stats: load and exits since it was last
// asked for. Called by the terminal's worker. Counters of vCPUs that run meanwhile may be a moment old.
import { now } from "../../arch/seam";
import { exitCount, EXIT_KINDS, exitsOf } from "../../guest/exit";
import { exitName } from "../../guest/exit-name";
import { Guest, GUEST_EMPTY } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { guestByIndex, guestCount } from "../../guest/table";
import { ticksPerSecond } from "../../host/clock";
import { Hart, MAX_HARTS } from "../../host/hart";
import { hartByIndex, hartCount } from "../../host/harts";
import { hartIdleTime } from "../../sched/sched";
import { argGuest, argVcpu } from "./args";
import { wantsJson } from "./words";
import { stateName } from "./status-words";
import {
  closeGroup,
  closeRow,
  newTable,
  openCard,
  openGroup,
  openRow,
  showNumber,
  showText,
  showTime,
  showWord,
} from "./out";

export function showStats(step: u32): u32 {
  const guest = argGuest();
  let ran: u64 = 0;
  let waited: u64 = 0;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    ran += vcpuAt(guest, i).runTime;
    waited += vcpuAt(guest, i).waitTime;
  }
  openCard();
  showText("guest", 0, guest.name);
  showWord("state", 0, stateName(guest.state));
  showNumber("vcpus", 0, guest.vcpuCount);
  showNumber("memoryKiB", 0, guest.ramSize >> 10);
  showNumber("restarts", 0, guest.restarts);
  showTime("runTime", 0, ran);
  showTime("waitTime", 0, waited);
  showNumber("consoleLost", 0, guest.console.lost);
  showExits(guest, 0, guest.vcpuCount);
  closeRow();
  return 0;
}

export function vcpuStats(step: u32): u32 {
  const vcpu = argVcpu();
  openCard();
  showNumber("vcpu", 0, vcpu.index);
  showText("guest", 0, argGuest().name);
  showTime("runTime", 0, vcpu.runTime);
  showTime("waitTime", 0, vcpu.waitTime);
  showNumber("switches", 0, vcpu.switches);
  showExits(argGuest(), vcpu.index, vcpu.index + 1);
  closeRow();
  return 0;
}

/** Exits of the guest's vCPUs `from` to `to` - 1 by kind; for people only the kinds that there were. */
function showExits(guest: Guest, from: u32, to: u32): void {
  let total: u64 = 0;
  openGroup("exits");
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) {
    let exits: u64 = 0;
    for (let i = from; i < to; i++) exits += exitCount(vcpuAt(guest, i), kind);
    total += exits;
    if (exits != 0 || wantsJson()) showNumber(exitName(kind), 0, exits);
  }
  closeGroup();
  if (!wantsJson()) showNumber("all exits", 0, total);
}

/** What counters were when host stats was last asked for. */
@unmanaged
class Before {
  idle: u64 = 0;
  timer: u64 = 0;
  ipi: u64 = 0;
  device: u64 = 0;
}

// @lock none: the terminal's worker only.
const befores: usize = memory.data(<i32>(MAX_HARTS * offsetof<Before>()), 8);
let whenBefore: u64 = 0;
let exitsBefore: u64 = 0;
/** Ticks since then. */
let span: u64 = 1;

export function hostStats(step: u32): u32 {
  if (step == 0) {
    span = max<u64>(1, now() - whenBefore);
    whenBefore += span;
  }
  if (step < hartCount()) return hartStats(hartByIndex(step));
  let exits: u64 = 0;
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    for (let j: u32 = 0; guest.state != GUEST_EMPTY && j < guest.vcpuCount; j++) exits += exitsOf(vcpuAt(guest, j));
  }
  newTable();
  openRow();
  do {
    showTime("span", 12, span);
    showNumber("exits", 12, exits);
    showNumber("exitsPerSecond", 16, exits > exitsBefore ? perSecond(exits - exitsBefore) : 0);
  } while (closeRow());
  exitsBefore = exits;
  return 0;
}

/** A count that is far from 2^64 / timebase, as are all that fit between two questions. */
function perSecond(count: u64): u64 {
  return (count * ticksPerSecond()) / span;
}

function hartStats(hart: Hart): u32 {
  const before = changetype<Before>(befores + <usize>hart.index * offsetof<Before>());
  const total = hartIdleTime(hart.index, now());
  const idle = min<u64>(span, total - before.idle);
  openRow();
  do {
    showNumber("hart", 6, hart.index);
    showNumber("busyPercent", 13, hart.online ? ((span - idle) * 100) / span : 0);
    showNumber("timerPerSecond", 16, perSecond(hart.timerInterrupts - before.timer));
    showNumber("ipiPerSecond", 14, perSecond(hart.ipisReceived - before.ipi));
    showNumber("devicePerSecond", 16, perSecond(hart.externalInterrupts - before.device));
  } while (closeRow());
  before.idle = total;
  before.timer = hart.timerInterrupts;
  before.ipi = hart.ipisReceived;
  before.device = hart.externalInterrupts;
  return 1;
}
