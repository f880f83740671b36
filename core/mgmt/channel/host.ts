// SPDX-License-Identifier: Apache-2.0
// The machine as a whole: memory, counters, what it has. Counters of other harts may be a moment old. Called in the
// channel's worker; reads only.
import { hostIrqName, now, stage2Levels, tablesFree, tablesTotal } from "../../arch/seam";
import { eventsEnd } from "../../guest/events";
import { hartCount } from "../../host/harts";
import { unownedInterrupts } from "../../host/interrupts";
import { outLost } from "../../host/output";
import { serialPresent } from "../../host/serial";
import { timersOfGuests } from "../../host/timers";
import * as hw from "../../hw";
import { logEnd } from "../../lib/print";
import { Status } from "../../lib/status";
import { MAX_GUESTS, MAX_VCPUS } from "../../limits";
import { arenaFree } from "../../mem/arena";
import { blobCount } from "../../mem/blob";
import { ramFree, ramTotal } from "../../mem/ram";
import { Entity, KIND_VCPU } from "../../sched/entity";
import { schedMembers } from "../../sched/sched";
import { linkBad, linkFrames } from "../link/link";
import * as wire from "../wire-structs";
import { addRecord, putText } from "./answer";
import { guestsExisting, guestsWithVmid, linesRaised } from "./count";

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
