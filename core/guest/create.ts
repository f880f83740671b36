// SPDX-License-Identifier: Apache-2.0
// Makes a guest from its description: vCPUs, memory, stage 2, board; then loads and starts it. Boot context. Every
// step that can fail says so in words, and leaves nothing of the guest's RAM taken.
import { newRoot, unmapStage2 } from "../arch/seam";
import { ticksPerSecond } from "../host/clock";
import { KIND_TIMER_VCPU, Timer, timerInit } from "../host/timers";
import { Lock, lockInit, RANK_GUEST } from "../lib/lock";
import { print, printText } from "../lib/print";
import { Status } from "../lib/status";
import { MAX_HARTS, MAX_RANGES, MAX_VCPUS, NAME_LENGTH } from "../limits";
import { allocate } from "../mem/arena";
import { KIND_VCPU } from "../sched/entity";
import { schedAdd } from "../sched/sched";
import { makeBoard, RAM_BASE } from "./board";
import { CrashRecord } from "./crash";
import { Description } from "./description";
import { TRAIL_BYTES } from "./exit";
import { Guest, GUEST_CREATED } from "./guest";
import { loadAndStart } from "./load";
import { giveGuestMemory, mapGuestMemory, RamRange, takeGuestMemory } from "./memory";
import { addGuest } from "./table";
import { HSM_STOPPED, Vcpu } from "./vcpu";

const MICROSECONDS: u64 = 1_000_000;

/** Makes and starts the guest; says in words why it cannot. */
export function createGuest(description: Description): i32 {
  const guest = newGuest(description);
  if (changetype<usize>(guest) == 0) return say(description, "the hypervisor's own memory is used up", Status.NoMemory);
  if (!addGuest(guest)) return say(description, "there are 64 guests already", Status.Limit);
  let status = makeBoard(guest);
  if (status != Status.Ok)
    return say(description, "its devices do not fit beside its memory, or memory is used up", status);
  status = addVcpus(guest, description);
  if (status != Status.Ok) return status;
  status = takeGuestMemory(guest, description.staticHpa);
  if (status != Status.Ok) {
    return say(
      description,
      description.staticHpa ? "its xen,static-mem is not free host memory" : "the host has too little free memory",
      status,
    );
  }
  status = mapGuestMemory(guest);
  if (status != Status.Ok) {
    unmapStage2(guest);
    giveGuestMemory(guest);
    return say(description, "the pool of translation tables is used up", status);
  }
  return loadAndStart(guest, 1);
}

function say(description: Description, why: string, status: i32): i32 {
  print("guest ");
  printName(description);
  print(" cannot be created: ");
  print(why);
  print("\n");
  return status;
}

// @lock none: boot, then the lifecycle worker alone.
const nameBuffer: usize = memory.data(32, 8);

/** The description's name as far as it is printable. */
export function printName(description: Description): void {
  memory.copy(nameBuffer, description.name, description.nameLength);
  store<u8>(nameBuffer + description.nameLength, 0);
  printText(nameBuffer);
}

/** All of a guest's records, in one piece of the arena each. */
function newGuest(description: Description): Guest {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  const lock = allocate(offsetof<Lock>());
  const name = allocate(NAME_LENGTH);
  const vcpus = allocate(MAX_VCPUS * sizeof<usize>());
  const ranges = allocate(MAX_RANGES * offsetof<RamRange>());
  const lastVcpu = allocate(MAX_HARTS);
  const crash = allocate(offsetof<CrashRecord>());
  const root = newRoot();
  if (changetype<usize>(guest) == 0 || !lock || !name || !vcpus || !ranges || !lastVcpu || !crash || !root)
    return changetype<Guest>(0);
  lockInit(changetype<Lock>(lock), RANK_GUEST);
  memory.copy(name, description.name, description.nameLength);
  guest.lock = changetype<Lock>(lock);
  guest.name = name;
  guest.vcpus = vcpus;
  guest.ranges = ranges;
  guest.lastVcpu = lastVcpu;
  guest.crash = crash;
  guest.stage2Root = <u32>root;
  guest.description = changetype<usize>(description);
  guest.vcpuCount = description.cpus;
  guest.ramBase = RAM_BASE;
  guest.ramSize = description.memory;
  guest.state = GUEST_CREATED;
  return guest;
}

function addVcpus(guest: Guest, description: Description): i32 {
  for (let index: u32 = 0; index < guest.vcpuCount; index++) {
    const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>(), 64));
    const trail = allocate(TRAIL_BYTES, TRAIL_BYTES);
    const clock = allocate(offsetof<Timer>());
    if (changetype<usize>(vcpu) == 0 || !trail || !clock)
      return say(description, "the hypervisor's own memory is used up", Status.NoMemory);
    store<usize>(guest.vcpus + index * sizeof<usize>(), changetype<usize>(vcpu));
    vcpu.kind = KIND_VCPU;
    vcpu.guest = guest;
    vcpu.index = index;
    vcpu.hsm = HSM_STOPPED;
    vcpu.trail = trail;
    vcpu.clock = clock;
    vcpu.lastHart = u32.MAX_VALUE;
    vcpu.fpHart = u32.MAX_VALUE;
    timerInit(changetype<Timer>(clock), KIND_TIMER_VCPU, changetype<usize>(vcpu));
    setScheduling(vcpu, description);
    const status = schedAdd(vcpu);
    if (status != Status.Ok) return say(description, "its scheduling parameters, or its affinity, fit no hart", status);
  }
  return Status.Ok;
}

function setScheduling(vcpu: Vcpu, description: Description): void {
  vcpu.policy = description.policy;
  vcpu.priority = description.priority;
  vcpu.weight = description.weight;
  vcpu.affinity = description.affinity ? description.affinity : u64.MAX_VALUE;
  vcpu.slice = ticksOf(description.slice);
  vcpu.period = ticksOf(description.period);
  vcpu.budget = ticksOf(description.budget);
}

function ticksOf(microseconds: u64): u64 {
  return microseconds > 1 << 40 ? u64.MAX_VALUE : (microseconds * ticksPerSecond()) / MICROSECONDS;
}
