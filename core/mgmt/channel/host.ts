// SPDX-License-Identifier: Apache-2.0
// The machine: what the hypervisor is, its counters, harts, memory, interrupts. Counters of other harts may be a moment
// old. Called in the channel's worker; reads only.
import { architectureName, hostIrqName, now, stage2Levels, tablesFree, tablesTotal } from "../../arch/seam";
import { eventsEnd } from "../../guest/events";
import { EXIT_KINDS } from "../../guest/exit-kinds";
import { ticksPerSecond } from "../../host/clock";
import { Hart } from "../../host/hart";
import { hartByIndex, hartCount } from "../../host/harts";
import { hostInterrupt, unownedInterrupts } from "../../host/interrupts";
import { outLost } from "../../host/output";
import { serialPresent } from "../../host/serial";
import { timersOfGuests } from "../../host/timers";
import * as hw from "../../hw";
import { logEnd } from "../../lib/print";
import { Status } from "../../lib/status";
import { MAX_GUESTS, MAX_VCPUS } from "../../limits";
import { arenaFree } from "../../mem/arena";
import { blobCount } from "../../mem/blob";
import {
  OWNER_BLOB,
  OWNER_DISK,
  OWNER_FREE,
  OWNER_RESERVED,
  ramFree,
  ramNextRun,
  RamRun,
  ramTotal,
} from "../../mem/ram";
import { Entity, KIND_VCPU, KIND_WORKER } from "../../sched/entity";
import { hartIdleTime, schedMembers } from "../../sched/sched";
import { Vcpu } from "../../guest/vcpu";
import { linkBad, linkFrames, linkWindow } from "../link/link";
import {
  WIRE_OWNER_BLOB,
  WIRE_OWNER_DISK,
  WIRE_OWNER_FREE,
  WIRE_OWNER_GUEST,
  WIRE_OWNER_RESERVED,
  WIRE_VERSION,
} from "../wire";
import * as wire from "../wire-structs";
import { addRecord, putText } from "./answer";
import { guestsExisting, guestsWithVmid, linesRaised } from "./count";
import { fillNotice, noticeLooked } from "./notice";

// @lock none: the channel's worker only.
const runPtr: usize = memory.data(<i32>offsetof<RamRun>(), 8);

export function answerHello(link: u32): i32 {
  const at = addRecord(wire.WIRE_HELLO_ANSWER_SIZE);
  const answer = changetype<wire.WireHelloAnswer>(at);
  answer.version = WIRE_VERSION;
  answer.window = linkWindow(link);
  answer.guestLimit = MAX_GUESTS;
  answer.vcpuLimit = MAX_VCPUS;
  answer.hartCount = hartCount();
  answer.exitKinds = EXIT_KINDS;
  answer.ticksPerSecond = ticksPerSecond();
  answer.now = now();
  putText(at + wire.WIRE_HELLO_ANSWER_RELEASE, wire.WIRE_HELLO_ANSWER_RELEASE_SIZE, "0.1.0");
  hw.buildId(at + wire.WIRE_HELLO_ANSWER_BUILD, wire.WIRE_HELLO_ANSWER_BUILD_SIZE - 1);
  putText(at + wire.WIRE_HELLO_ANSWER_ARCHITECTURE, wire.WIRE_HELLO_ANSWER_ARCHITECTURE_SIZE, architectureName());
  return Status.Ok;
}

export function answerPoll(): i32 {
  noticeLooked();
  fillNotice(changetype<wire.WireNotice>(addRecord(wire.WIRE_NOTICE_SIZE)));
  return Status.Ok;
}

export function answerHost(): i32 {
  const at = addRecord(wire.WIRE_HOST_INFO_SIZE);
  const info = changetype<wire.WireHostInfo>(at);
  info.now = now();
  info.memoryTotal = ramTotal();
  info.memoryFree = ramFree();
  info.ownFree = arenaFree();
  info.ownUsed = hw.imageEnd() - hw.imageStart() - info.ownFree;
  info.harts = hartCount();
  info.guests = guestsExisting();
  info.guestLimit = MAX_GUESTS;
  info.vcpuLimit = MAX_VCPUS;
  info.tablesTotal = tablesTotal();
  info.tablesFree = tablesFree();
  info.timersArmed = timersOfGuests();
  info.vmidsInUse = guestsWithVmid();
  info.blobs = blobCount();
  info.lines = linesRaised();
  info.entities = vcpusScheduled();
  info.unownedInterrupts = unownedInterrupts();
  info.events = eventsEnd();
  info.log = logEnd();
  info.framesIn = linkFrames();
  info.framesBad = linkBad();
  info.hostBytesLost = outLost();
  info.stage2Levels = stage2Levels();
  putText(at + wire.WIRE_HOST_INFO_INTERRUPTS, wire.WIRE_HOST_INFO_INTERRUPTS_SIZE, hostIrqName());
  putText(at + wire.WIRE_HOST_INFO_CONSOLE, wire.WIRE_HOST_INFO_CONSOLE_SIZE, serialPresent() ? "16550" : "firmware");
  return Status.Ok;
}

function vcpusScheduled(): u32 {
  let count: u32 = 0;
  for (let at = schedMembers(); at; at = changetype<Entity>(at).nextMember)
    count += u32(changetype<Entity>(at).kind == KIND_VCPU);
  return count;
}

export function listHarts(body: usize): i32 {
  for (let i = changetype<wire.WireFrom>(body).from; i < hartCount(); i++) {
    const at = addRecord(wire.WIRE_HART_INFO_SIZE);
    if (!at) break;
    const hart = hartByIndex(i);
    const info = changetype<wire.WireHartInfo>(at);
    info.index = i;
    info.online = hart.online;
    info.id = hart.id;
    info.idleTime = hartIdleTime(i, now());
    info.timerInterrupts = hart.timerInterrupts;
    info.ipis = hart.ipisReceived;
    info.externalInterrupts = hart.externalInterrupts;
    const current = hw.atomicLoad(changetype<usize>(hart) + offsetof<Hart>("current"));
    if (current == 0 || changetype<Entity>(current).kind == KIND_WORKER) continue;
    info.currentGuest = changetype<Vcpu>(current).guest.id + 1;
    info.currentVcpu = changetype<Vcpu>(current).index;
  }
  return Status.Ok;
}

/** Runs of blocks with one owner, from the `from`th on. */
export function listMemory(body: usize): i32 {
  const run = changetype<RamRun>(runPtr);
  memory.fill(runPtr, 0, offsetof<RamRun>());
  let skip = changetype<wire.WireFrom>(body).from;
  while (ramNextRun(run)) {
    if (skip != 0) {
      skip -= 1;
      continue;
    }
    const at = addRecord(wire.WIRE_MEMORY_RUN_SIZE);
    if (!at) break;
    const info = changetype<wire.WireMemoryRun>(at);
    info.hpa = run.hpa;
    info.size = run.size;
    info.owner = ownerKind(run.owner);
    if (info.owner == WIRE_OWNER_GUEST) info.guest = run.owner - 1;
  }
  return Status.Ok;
}

function ownerKind(owner: u32): u32 {
  if (owner == OWNER_FREE) return WIRE_OWNER_FREE;
  if (owner == OWNER_BLOB) return WIRE_OWNER_BLOB;
  if (owner == OWNER_DISK) return WIRE_OWNER_DISK;
  return owner == OWNER_RESERVED ? WIRE_OWNER_RESERVED : WIRE_OWNER_GUEST;
}

export function listInterrupts(body: usize): i32 {
  let i = changetype<wire.WireFrom>(body).from;
  for (let owner = hostInterrupt(i); changetype<usize>(owner) != 0; owner = hostInterrupt(++i)) {
    const at = addRecord(wire.WIRE_IRQ_INFO_SIZE);
    if (!at) break;
    const info = changetype<wire.WireIrqInfo>(at);
    info.number = owner.irq;
    info.hart = owner.hart;
    info.count = owner.served;
    if (owner.name)
      putText(at + wire.WIRE_IRQ_INFO_OWNER, wire.WIRE_IRQ_INFO_OWNER_SIZE, changetype<string>(owner.name));
  }
  return Status.Ok;
}
