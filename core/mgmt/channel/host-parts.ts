// SPDX-License-Identifier: Apache-2.0
// The machine's parts: harts, runs of memory by owner, interrupts. Counters of other harts may be a moment old. Called in
// the channel's worker; reads only.
import { now } from "../../arch/seam";
import { Vcpu } from "../../guest/vcpu";
import { Hart } from "../../host/hart";
import { hartByIndex, hartCount } from "../../host/harts";
import { hostInterrupt } from "../../host/interrupts";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { OWNER_BLOB, OWNER_DISK, OWNER_FREE, OWNER_RESERVED, ramNextRun, RamRun } from "../../mem/ram";
import { Entity, KIND_WORKER } from "../../sched/entity";
import { hartIdleTime } from "../../sched/sched";
import { WIRE_OWNER_BLOB, WIRE_OWNER_DISK, WIRE_OWNER_FREE, WIRE_OWNER_GUEST, WIRE_OWNER_RESERVED } from "../wire";
import * as wire from "../wire-structs";
import { addRecord, putText } from "./answer";

// @lock none: the channel's worker only.
const runPtr: usize = memory.data(<i32>offsetof<RamRun>(), 8);

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
