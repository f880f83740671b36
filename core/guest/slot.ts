// SPDX-License-Identifier: Apache-2.0
// Slots: the records of a guest (its lock, vCPUs, stage-2 root, devices, console, crash record, description), made once
// and used by one guest after the other. A slot is taken and given back under the creation lock; what it needs is
// allocated when it is first used, and vCPUs when a guest first has so many. Boot and worker context.
import { addTables, newIrqchip, newRoot, tablesFree } from "../arch/seam";
import { GoldfishRtc } from "../dev/goldfish-rtc";
import { Ns16550 } from "../dev/ns16550";
import { makeConsole } from "../host/console";
import { Timer } from "../host/timers";
import { Lock, lockInit, RANK_GUEST } from "../lib/lock";
import { Status } from "../lib/status";
import { MAX_GUESTS, MAX_HARTS, MAX_RANGES, MAX_VCPUS, NAME_LENGTH, TRAIL_BYTES } from "../limits";
import { allocate, arenaNeeds } from "../mem/arena";
import { busBytes } from "../mmio/region";
import { CRASH_BYTES } from "./crash";
import { DESCRIPTION_BYTES } from "./describe";
import { devicesBytes } from "./devices/table";
import { INTERRUPTS_AIA } from "./description";
import { Guest, GUEST_EMPTY } from "./guest";
import { RamRange } from "./memory";
import { addGuest, guestByIndex, guestCount } from "./table";
import { Vcpu } from "./vcpu";

/** Most bytes of the description that a toolstack sends. */
export const DESCRIPTION_TREE: u32 = 4096;

/** Arena that a slot with all its vCPUs may take, a little more than it does. */
const SLOT_BYTES: u32 = 0x1_8000;
/** What one vCPU takes of it: record, trail and timer, with the trail's alignment. */
const VCPU_BYTES: u32 = <u32>offsetof<Vcpu>() + 2 * TRAIL_BYTES + <u32>offsetof<Timer>() + 256;
/** Tables that a guest's RAM may need besides one for each GiB: what is below a level's large pages at both ends. */
const EDGE_TABLES: u64 = 6;
/** And the page of an interrupt file. */
const FILE_TABLES: u64 = 2;
const GIGABYTE_SHIFT: u64 = 30;

/** A slot that no guest has, with `vcpus` vCPUs; null when all MAX_GUESTS are taken or memory is used up. */
export function takeSlot(vcpus: u32): Guest {
  const none = changetype<Guest>(0);
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    if (guest.state == GUEST_EMPTY && guest.wanted == 0) return addVcpus(guest, vcpus) ? guest : none;
  }
  if (guestCount() == MAX_GUESTS || !arenaNeeds(SLOT_BYTES)) return none;
  const guest = newSlot();
  return changetype<usize>(guest) != 0 && addVcpus(guest, vcpus) && addGuest(guest) ? guest : none;
}

/** Whether there is no slot to be had at all, as opposed to too little memory for one. */
export function slotsUsedUp(): bool {
  for (let i: u32 = 0; i < guestCount(); i++) {
    if (guestByIndex(i).state == GUEST_EMPTY && guestByIndex(i).wanted == 0) return false;
  }
  return guestCount() == MAX_GUESTS;
}

function newSlot(): Guest {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  if (changetype<usize>(guest) == 0) return guest;
  const lock = changetype<Lock>(allocate(offsetof<Lock>()));
  guest.lock = lock;
  guest.name = allocate(NAME_LENGTH);
  guest.vcpus = allocate(MAX_VCPUS * sizeof<usize>());
  guest.ranges = allocate(MAX_RANGES * offsetof<RamRange>());
  guest.lastVcpu = allocate(MAX_HARTS);
  guest.crash = allocate(CRASH_BYTES);
  guest.description = allocate((DESCRIPTION_BYTES + 7) & ~7);
  guest.stage2Root = <u32>newRoot();
  guest.regions = allocate(busBytes());
  guest.irqchip = newIrqchip(MAX_VCPUS);
  guest.uart = allocate(offsetof<Ns16550>());
  guest.rtc = allocate(offsetof<GoldfishRtc>());
  guest.devices = allocate(devicesBytes());
  guest.rtcTimer = allocate(offsetof<Timer>());
  guest.politeTimer = allocate(offsetof<Timer>());
  guest.console = makeConsole(guestCount() + 1);
  if (!isWhole(guest)) return changetype<Guest>(0);
  lockInit(lock, RANK_GUEST);
  return guest;
}

/** Where the slot keeps the tree that a toolstack sent; allocated when a guest first has one, 0 without memory. */
export function descriptionTree(guest: Guest): usize {
  if (!guest.descriptionTree && arenaNeeds(DESCRIPTION_TREE)) guest.descriptionTree = allocate(DESCRIPTION_TREE);
  return guest.descriptionTree;
}

function isWhole(guest: Guest): bool {
  const records = guest.name && guest.vcpus && guest.ranges && guest.lastVcpu && guest.crash && guest.description;
  const devices =
    guest.regions && guest.irqchip && guest.uart && guest.rtc && guest.devices && guest.rtcTimer && guest.politeTimer;
  return (
    records != 0 &&
    devices != 0 &&
    guest.stage2Root != 0 &&
    changetype<usize>(guest.lock) != 0 &&
    changetype<usize>(guest.console) != 0
  );
}

/** Makes those of the first `count` vCPUs that the slot does not have yet. */
function addVcpus(guest: Guest, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const at = guest.vcpus + i * sizeof<usize>();
    if (load<usize>(at)) continue;
    if (!arenaNeeds(VCPU_BYTES)) return false;
    const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>(), 64));
    if (changetype<usize>(vcpu) == 0) return false;
    vcpu.trail = allocate(TRAIL_BYTES, TRAIL_BYTES);
    vcpu.clock = allocate(offsetof<Timer>());
    if (!vcpu.trail || !vcpu.clock) return false;
    store<usize>(at, changetype<usize>(vcpu));
  }
  return true;
}

/** Sees to it that the pool has the tables that so much RAM may need. NoMemory when the hypervisor's own is used up. */
export function haveTables(guest: Guest): i32 {
  const files: u64 = guest.interrupts == INTERRUPTS_AIA ? FILE_TABLES : 0;
  const needed = EDGE_TABLES + files + (guest.ramSize >> GIGABYTE_SHIFT) + 1;
  if (needed <= <u64>tablesFree()) return Status.Ok;
  const missing = <u32>(needed - tablesFree());
  return arenaNeeds(missing << 12) ? addTables(missing) : Status.NoMemory;
}
