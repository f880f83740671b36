// SPDX-License-Identifier: Apache-2.0
// Makes a guest from a description: slot, vCPUs, board, memory, stage 2; from then on the lifecycle worker loads and
// starts it. Takes nothing until everything that can be checked is checked, and gives everything back when a later step
// fails; refusal.ts then has the reason in words. Boot, and worker context: one creation at a time.
import * as hw from "../hw";
import { now, TIMER_OFF, unmapStage2 } from "../arch/seam";
import { fdtCheck, fdtCompatible, fdtRoot } from "../fdt/read";
import { detachConsole } from "../host/console";
import { ticksPerSecond } from "../host/clock";
import { KIND_TIMER_VCPU, Timer, timerInit } from "../host/timers";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CREATION, release } from "../lib/lock";
import { printByte } from "../lib/print";
import { Status } from "../lib/status";
import { MAX_HARTS, NAME_LENGTH, TRAIL_BYTES } from "../limits";
import { blobById, blobHold, blobRelease } from "../mem/blob";
import { WIRE_EVENT_CREATED, WIRE_EXISTS } from "../mgmt/wire";
import { KIND_VCPU } from "../sched/entity";
import { schedAdd, schedRemove } from "../sched/sched";
import { makeBoard, RAM_BASE } from "./board";
import { CRASH_BYTES } from "./crash";
import { clearDescription, describeGuest, DESCRIPTION_BYTES } from "./describe";
import { Description } from "./description";
import { furnishDevices } from "./devices/devices";
import { postEvent } from "./events";
import { Guest, GUEST_CREATED, GUEST_EMPTY } from "./guest";
import { guestStart, vcpuAt } from "./lifecycle";
import { layOut } from "./load";
import { giveGuestMemory, mapGuestMemory, takeGuestMemory } from "./memory";
import { giveModules, holdModule } from "./modules";
import { politeInit } from "./polite";
import { refuse } from "./refusal";
import { descriptionTree, DESCRIPTION_TREE, haveTables, slotsUsedUp, takeSlot } from "./slot";
import { changeState } from "./state";
import { guestByName, nameByte } from "./table";
import { HSM_STOPPED, Vcpu } from "./vcpu";

const MICROSECONDS: u64 = 1_000_000;

/** What a toolstack asks for: blobs by number, 0 where there is none. */
@unmanaged
export class CreateRequest {
  description: u32 = 0;
  kernel: u32 = 0;
  ramdisk: u32 = 0;
  tree: u32 = 0;
  /** The answer: the guest that was made. */
  made: Guest = changetype<Guest>(0);
}

// @lock creation: guards creation, the slots and the arena.
const lock: usize = memory.data(LOCK_SIZE, 8);
const draft: usize = memory.data(<i32>DESCRIPTION_BYTES, 8);
/** The tree that was sent, until its guest has a slot. */
const sent: usize = memory.data(<i32>DESCRIPTION_TREE, 8);
/** The guest that the last creation made, for its caller as long as that has the lock. */
let created: Guest = changetype<Guest>(0);

/** Boot. */
export function creationInit(): void {
  lockInit(changetype<Lock>(lock), RANK_CREATION);
}

/** What the creation lock guards is changed between these two. Worker context. */
export function creationBegin(): void {
  acquire(changetype<Lock>(lock));
}

export function creationEnd(): void {
  release(changetype<Lock>(lock));
}

/**
 * Makes and starts the guest that a node of a checked tree describes. The tree stays where it is as long as the guest
 * lives. `fresh`: 1 at boot, when preloaded modules lie in place; later others may have had that memory.
 */
export function createFromNode(tree: usize, node: usize, fresh: u32): i32 {
  acquire(changetype<Lock>(lock));
  const description = clearDescription(draft);
  let status = describeGuest(tree, node, description);
  if (status == Status.Ok) status = createGuest(description);
  if (status == Status.Ok) {
    if (!fresh) takenLate(created);
    status = guestStart(created);
  }
  release(changetype<Lock>(lock));
  return status;
}

/** Whether a node of a checked tree describes a guest of that name. */
export function isDescribedAs(tree: usize, node: usize, name: usize, length: u32): bool {
  acquire(changetype<Lock>(lock));
  const description = clearDescription(draft);
  describeGuest(tree, node, description);
  const same = description.nameLength == length && memory.compare(description.name, name, length) == 0;
  release(changetype<Lock>(lock));
  return same;
}

/** The name in the last description that was read, as far as it is printable. */
export function printDraftName(): void {
  const description = changetype<Description>(draft);
  for (let i: u32 = 0; i < description.nameLength; i++) printByte(load<u8>(description.name + i));
}

/** Makes the guest that blobs describe; it holds them from now on. */
export function createFromBlobs(request: CreateRequest): i32 {
  acquire(changetype<Lock>(lock));
  const description = clearDescription(draft);
  description.sent = 1;
  let status = readDescription(request.description);
  if (status == Status.Ok) status = holdModules(request, description);
  if (status == Status.Ok) status = describeGuest(sent, fdtRoot(sent), description);
  if (status == Status.Ok) status = createGuest(description);
  if (status == Status.Ok) {
    request.made = created;
    takenLate(created);
  } else giveModules(description);
  release(changetype<Lock>(lock));
  return status;
}

/** Its memory may hold anything: it is cleared before it starts, and before it goes. */
function takenLate(guest: Guest): void {
  guest.first = 0;
  guest.dirty = 1;
}

/** Copies the description into linear memory before anything in it is looked at. */
function readDescription(blob: u32): i32 {
  if (blobHold(blob) != Status.Ok) return refuse(Status.NotFound, "there is no complete blob with its description");
  const size = blobById(blob).size;
  if (size <= <u64>DESCRIPTION_TREE) hw.copyIn(sent, blobById(blob).hpa, <u32>size);
  blobRelease(blob);
  if (size > <u64>DESCRIPTION_TREE) return refuse(Status.Limit, "its description has more than 4 KiB");
  if (fdtCheck(sent, <u32>size) != Status.Ok) return refuse(Status.Malformed, "its description is no device tree");
  if (fdtCompatible(sent, fdtRoot(sent), "xen,domain")) return Status.Ok;
  return refuse(Status.Malformed, 'the root of its description is not compatible with "xen,domain"');
}

function holdModules(request: CreateRequest, description: Description): i32 {
  let status = holdModule(description.kernel, request.kernel);
  if (status == Status.Ok) status = holdModule(description.ramdisk, request.ramdisk);
  if (status == Status.Ok) status = holdModule(description.tree, request.tree);
  return status == Status.Ok ? status : refuse(status, "its kernel, ramdisk or device tree is no complete blob");
}

function createGuest(draft: Description): i32 {
  if (changetype<usize>(guestByName(draft.name, draft.nameLength)))
    return refuse(WIRE_EXISTS, "there is a guest of that name already");
  const guest = takeSlot(draft.maxCpus);
  if (changetype<usize>(guest) == 0) {
    return slotsUsedUp()
      ? refuse(Status.Limit, "there are 64 guests already")
      : refuse(Status.NoMemory, "the hypervisor's own memory is used up");
  }
  const status = furnish(guest, draft);
  if (status != Status.Ok) return undo(guest, status);
  acquire(guest.lock);
  guest.createdAt = now();
  changeState(guest, GUEST_CREATED);
  postEvent(WIRE_EVENT_CREATED, guest, GUEST_CREATED, GUEST_EMPTY);
  release(guest.lock);
  created = guest;
  return Status.Ok;
}

function furnish(guest: Guest, draft: Description): i32 {
  if (!keepDescription(guest, draft)) return refuse(Status.NoMemory, "the hypervisor's own memory is used up");
  clearRecords(guest, changetype<Description>(guest.description));
  politeInit(guest);
  let status = layOut(guest, changetype<Description>(guest.description));
  if (status != Status.Ok) return status;
  status = makeBoard(guest);
  if (status != Status.Ok) return refuse(status, "its devices do not fit beside its memory");
  status = addVcpus(guest);
  if (status == Status.Ok) status = bringMemory(guest);
  return status == Status.Ok ? furnishDevices(guest, draft) : status;
}

/** The slot's records as a new guest finds them. */
function clearRecords(guest: Guest, description: Description): void {
  memory.fill(guest.name, 0, NAME_LENGTH);
  for (let i: u32 = 0; i < description.nameLength; i++)
    store<u8>(guest.name + i, nameByte(load<u8>(description.name + i)));
  memory.fill(guest.crash, 0, CRASH_BYTES);
  memory.fill(guest.lastVcpu, 0, MAX_HARTS);
  guest.vcpuCount = description.maxCpus;
  guest.vcpuAllowed = description.cpus;
  guest.ramBase = RAM_BASE;
  guest.ramSize = description.memory;
  guest.rangeCount = 0;
  guest.vmidGeneration = 0;
  guest.timeDelta = 0;
  guest.restarts = 0;
  guest.quickRestarts = 0;
  guest.progress = 0;
  guest.phase = 0;
  guest.startedAt = 0;
  guest.quietSince = 0;
  guest.dirty = description.kernel.preloaded | description.ramdisk.preloaded;
  guest.first = 1;
  guest.politeKey = 0;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) makeVcpu(guest, i, description);
}

/** Text of a tree that was sent moves into the slot with it. */
function keepDescription(guest: Guest, from: Description): bool {
  const own = clearDescription(guest.description);
  const kernel = own.kernel;
  const ramdisk = own.ramdisk;
  const tree = own.tree;
  memory.copy(guest.description, changetype<usize>(from), DESCRIPTION_BYTES);
  own.kernel = kernel;
  own.ramdisk = ramdisk;
  own.tree = tree;
  if (from.name - sent >= <usize>DESCRIPTION_TREE) return true;
  const copy = descriptionTree(guest);
  if (!copy) return false;
  memory.copy(copy, sent, DESCRIPTION_TREE);
  own.name = from.name - sent + copy;
  if (from.bootargs) own.bootargs = from.bootargs - sent + copy;
  return true;
}

function makeVcpu(guest: Guest, index: u32, description: Description): void {
  const vcpu = vcpuAt(guest, index);
  const trail = vcpu.trail & ~(<usize>TRAIL_BYTES - 1);
  const clock = vcpu.clock;
  memory.fill(changetype<usize>(vcpu), 0, offsetof<Vcpu>());
  memory.fill(trail, 0, TRAIL_BYTES);
  vcpu.kind = KIND_VCPU;
  vcpu.guest = guest;
  vcpu.index = index;
  vcpu.hsm = HSM_STOPPED;
  vcpu.trail = trail;
  vcpu.clock = clock;
  vcpu.timer = TIMER_OFF;
  vcpu.lastHart = u32.MAX_VALUE;
  vcpu.fpHart = u32.MAX_VALUE;
  timerInit(changetype<Timer>(clock), KIND_TIMER_VCPU, changetype<usize>(vcpu));
  setScheduling(vcpu, description);
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
  return microseconds > 1 << 33 ? u64.MAX_VALUE : (microseconds * ticksPerSecond()) / MICROSECONDS;
}

function addVcpus(guest: Guest): i32 {
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    const status = schedAdd(vcpuAt(guest, i));
    if (status != Status.Ok) return refuse(status, "its scheduling parameters, or its affinity, fit no hart");
  }
  return Status.Ok;
}

function bringMemory(guest: Guest): i32 {
  const description = changetype<Description>(guest.description);
  if (haveTables(guest) != Status.Ok)
    return refuse(Status.NoMemory, "the hypervisor's own memory for translation tables is used up");
  const status = takeGuestMemory(guest, description.staticHpa);
  if (status != Status.Ok && description.staticHpa) return refuse(status, "its xen,static-mem is not free host memory");
  if (status != Status.Ok) return refuse(status, "the host has too little free memory");
  if (mapGuestMemory(guest) == Status.Ok) return Status.Ok;
  return refuse(Status.NoMemory, "the pool of translation tables is used up");
}

/** Gives back what a guest that cannot be made has taken so far; nothing of it ever ran. */
function undo(guest: Guest, status: i32): i32 {
  unmapStage2(guest);
  giveGuestMemory(guest);
  for (let i: u32 = 0; i < guest.vcpuCount; i++) schedRemove(vcpuAt(guest, i));
  acquire(guest.lock);
  detachConsole(guest.console);
  release(guest.lock);
  // The blobs are still the draft's to let go of.
  clearDescription(guest.description);
  return status;
}
