// SPDX-License-Identifier: Apache-2.0
// Guests as they are: state, sums of their vCPUs' counters, console positions; and bytes of their RAM. Counters of vCPUs
// that run meanwhile may be a moment old. Called in the channel's worker; reads only.
import { exitsOf } from "../../guest/exit";
import { CrashRecord } from "../../guest/crash";
import { Description } from "../../guest/description";
import {
  Guest,
  GUEST_CRASHED,
  GUEST_EMPTY,
  GUEST_LOADING,
  GUEST_PAUSED,
  GUEST_RESTARTING,
  GUEST_RUNNING,
  GUEST_SHUTDOWN,
} from "../../guest/guest";
import {
  restartsLeft,
  vcpuAt,
  WANT_CRASHED,
  WANT_DESTROY,
  WANT_OFF,
  WANT_PAUSE,
  WANT_RESTART,
  WANT_START,
} from "../../guest/lifecycle";
import { readGuest } from "../../guest/memory";
import { guestByHandle, guestByIndex, guestCount } from "../../guest/table";
import { HSM_STOPPED, Vcpu } from "../../guest/vcpu";
import { acquire, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { WIRE_MAX_BODY } from "../wire";
import {
  WIRE_GUEST_INFO_NAME,
  WIRE_GUEST_INFO_NAME_SIZE,
  WIRE_GUEST_INFO_SIZE,
  WireFrom,
  WireGuestInfo,
  WireMemoryRead,
} from "../wire-structs";
import { addBytes, addRecord, answerEnd, putBytes, refuse } from "./answer";
import { runTimeOf, waitTimeOf } from "./vcpus";

/** `wanted` of a guest that is to be gone: the state itself, empty, means that nothing is wanted. */
const GONE: u32 = 255;

/** Those whose id is at least `from`. */
export function listGuests(body: usize): i32 {
  for (let id = changetype<WireFrom>(body).from; id < guestCount(); id++) {
    const guest = guestByIndex(id);
    if (guest.state == GUEST_EMPTY) continue;
    const at = addRecord(WIRE_GUEST_INFO_SIZE);
    if (!at) break;
    const info = changetype<WireGuestInfo>(at);
    putBytes(at + WIRE_GUEST_INFO_NAME, WIRE_GUEST_INFO_NAME_SIZE, guest.name);
    fill(info, guest);
    for (let i: u32 = 0; i < guest.vcpuCount; i++) addVcpu(info, vcpuAt(guest, i));
  }
  return Status.Ok;
}

function fill(info: WireGuestInfo, guest: Guest): void {
  const description = changetype<Description>(guest.description);
  const console = guest.console;
  info.id = guest.id;
  info.generation = guest.generation;
  info.state = guest.state;
  info.wanted = wantedState(guest.wanted);
  info.vcpus = guest.vcpuAllowed;
  info.maxVcpus = guest.vcpuCount;
  info.crashReason = changetype<CrashRecord>(guest.crash).reason;
  info.memory = guest.ramSize;
  info.ramBase = guest.ramBase;
  info.createdAt = guest.createdAt;
  info.startedAt = guest.startedAt;
  info.consoleOut = console.out;
  info.consoleIn = console.in;
  info.consoleLost = console.lost;
  info.consoleEnd = console.scroll.written;
  info.consoleInput = console.inputAt;
  info.restarts = guest.restarts;
  info.restartsLeft = restartsLeft(guest);
  info.loaded = loadedPercent(guest, description);
  info.policies = description.onCrash | (description.onReboot << 8) | (description.onPoweroff << 16);
}

function addVcpu(info: WireGuestInfo, vcpu: Vcpu): void {
  info.onlineVcpus += u32(vcpu.hsm != HSM_STOPPED);
  info.runTime += runTimeOf(vcpu);
  info.waitTime += waitTimeOf(vcpu);
  info.interrupts += vcpu.interrupts;
  info.exits += exitsOf(vcpu);
}

function wantedState(wanted: u32): u32 {
  switch (wanted) {
    case WANT_PAUSE:
      return GUEST_PAUSED;
    case WANT_START:
      return GUEST_RUNNING;
    case WANT_RESTART:
      return GUEST_RESTARTING;
    case WANT_OFF:
      return GUEST_SHUTDOWN;
    case WANT_CRASHED:
      return GUEST_CRASHED;
    default:
      return wanted == WANT_DESTROY ? GONE : 0;
  }
}

function loadedPercent(guest: Guest, description: Description): u32 {
  const all = description.kernel.size + description.ramdisk.size;
  if (guest.state != GUEST_LOADING || all == 0) return 0;
  return <u32>min<u64>((guest.progress * 100) / all, 100);
}

/** Only of one that runs or is paused: any other may be about to lose its RAM. */
export function readMemory(body: usize): i32 {
  const ask = changetype<WireMemoryRead>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  if (ask.length > WIRE_MAX_BODY) return Status.Range;
  acquire(guest.lock);
  const stays = (guest.state == GUEST_RUNNING || guest.state == GUEST_PAUSED) && guest.wanted <= WANT_PAUSE;
  const status: i32 = stays ? readGuest(guest, answerEnd(), ask.gpa, ask.length) : Status.Invalid;
  release(guest.lock);
  if (!stays) return refuse(status, "it has memory to look at only while it runs or is paused");
  if (status != Status.Ok) return refuse(status, "that is not all in the guest's RAM");
  addBytes(ask.length);
  return Status.Ok;
}
