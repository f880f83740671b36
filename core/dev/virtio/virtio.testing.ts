// SPDX-License-Identifier: Apache-2.0
// What the tests of VirtIO devices need besides their interface: a guest whose RAM lies in pieces, devices from the pool,
// and fields by name. Compiled only into test modules; no part of the hypervisor imports it.
import { GuestDevice, deviceAt, devicesBytes } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import { RamRange, ramRange } from "../../guest/memory";
import { HSM_STOPPED, REQUEST_DEVICE, Vcpu } from "../../guest/vcpu";
import { attachConsole, Console, makeConsole, onConsole } from "../../host/console";
import { setClock } from "../../host/clock";
import { newHart } from "../../host/harts";
import { outputInit, setOutputFocus } from "../../host/output";
import { Lock, lockInit, RANK_GUEST } from "../../lib/lock";
import { allocate, arenaInit } from "../../mem/arena";
import { STATE_STOPPED } from "../../sched/entity";
import { schedInit } from "../../sched/sched";
import { consoleEvent } from "../../mmio/events";
import { Balloon } from "./balloon";
import { Chain, chainsInit, hartChain, Segment, writableSegments } from "./chain";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { takeVirtioDevice } from "./pool";

export {
  chainRead,
  chainSegments,
  chainWrite,
  copySegments,
  cursorInit,
  hartChain,
  hartCursor,
  hartPart,
  writableSegments,
} from "./chain";
export { balloonAsk, balloonCreate, balloonDestroy, balloonStat, balloonTarget } from "./balloon";
export { consoleCreate, consoleDestroy } from "./console-model";
export { rngCreate, rngDestroy } from "./rng";
export { consoleGuestInput, consoleGuestOutput } from "../../host/console";
export { timersExpire, timersNext } from "../../host/timers";
export { deferQueue, isWorkedOn, virtioContinue, virtioHandOver } from "./deferred";
export { queueAt } from "./device";
export { onPciInterrupt, virtioAcknowledge, virtioBroken, virtioConfigInterrupt } from "./interrupt";
export { mmioAccess } from "./mmio";
export { giveVirtioDevice, takeVirtioDevice } from "./pool";
export { queueAnnounce, queueHush, queueListen, queuePop, queuePush, queueUnpop } from "./queue";
export {
  virtioGetStatus,
  virtioNotify,
  virtioQueueDisable,
  virtioForget,
  virtioQuiet,
  virtioReset,
  virtioSetStatus,
  virtioWake,
} from "./state";

export const SEGMENTS: u32 = offsetof<Chain>("segments");
export const READABLE: u32 = offsetof<Chain>("readable");
export const WRITABLE: u32 = offsetof<Chain>("writable");
export const READ_BYTES: u32 = offsetof<Chain>("readBytes");
export const WRITE_BYTES: u32 = offsetof<Chain>("writeBytes");
export const MODEL: u32 = offsetof<VirtioDevice>("model");
export const STATUS_FIELD: u32 = offsetof<VirtioDevice>("status");
export const REQUESTS: u32 = offsetof<Vcpu>("requests");
export const VCPUS: u32 = offsetof<Guest>("vcpus");
export const QUEUE_SELECT: u32 = offsetof<VirtioDevice>("queueSelect");
export const QUIET: u32 = offsetof<VirtioDevice>("quiet");
export const LEVEL: u32 = offsetof<VirtioDevice>("level");
export const FUNCTION: u32 = offsetof<VirtioDevice>("function");
export const TRANSPORT: u32 = offsetof<VirtioDevice>("transport");
export const QUEUE_VECTOR: u32 = offsetof<Virtqueue>("vector");
export const INFLATED: u32 = offsetof<Balloon>("inflated");
export const REFUSED: u32 = offsetof<Balloon>("refused");
export const CONSOLE: u32 = offsetof<Guest>("console");
export const GUEST_LOCK: u32 = offsetof<Guest>("lock");
export const CONSOLE_TX: u32 = offsetof<Console>("tx");
export const CONSOLE_RX: u32 = offsetof<Console>("rx");
export const CONSOLE_SCROLL: u32 = offsetof<Console>("scroll");
export const CONSOLE_INPUT: u32 = offsetof<Console>("input");
export const CONSOLE_FOLLOWED: u32 = offsetof<Console>("followed");
export const CONSOLE_FOLLOW_UNTIL: u32 = offsetof<Console>("followUntil");
export const CONSOLE_ACK: u32 = offsetof<Console>("ackTo");
export const CONSOLE_VIRTIO: u32 = offsetof<Console>("virtio");
export const ISR: u32 = offsetof<VirtioDevice>("isr");
export const OFFERED: u32 = offsetof<VirtioDevice>("offered");
export const BROKEN: u32 = offsetof<VirtioDevice>("broken");
export const LIVE: u32 = offsetof<Virtqueue>("live");
export const READY: u32 = offsetof<Virtqueue>("ready");
export const SIZE: u32 = offsetof<Virtqueue>("size");
export const TAKEN: u32 = offsetof<Virtqueue>("taken");
export const SEEN: u32 = offsetof<Virtqueue>("seen");
export const USED: u32 = offsetof<Virtqueue>("used");
export const ANNOUNCED: u32 = offsetof<Virtqueue>("announced");
export const IN_FLIGHT: u32 = offsetof<Virtqueue>("inFlight");
export const DEFERRED: u32 = offsetof<Virtqueue>("deferred");
export const KICKS: u32 = offsetof<Virtqueue>("kicks");
export const LOCK: u32 = offsetof<Virtqueue>("lock");
export const HOLDER: u32 = offsetof<Lock>("holder");

/** Linear memory [from, to) becomes the arena. Answers the record of the one hart there is. */
export function testSetup(from: usize, to: usize): usize {
  arenaInit(from, to);
  const hart = newHart(100);
  schedInit(1);
  setClock(10_000_000);
  outputInit();
  setOutputFocus(2); // Another guest is shown: output goes to the scroll-back without a host UART.
  chainsInit();
  return changetype<usize>(hart);
}

/** The arena begins anew: linear memory is as it was, but what lies outside of it is not. */
export function testArena(from: usize, to: usize): void {
  arenaInit(from, to);
}

/** Room for what a test hands over. */
export function testRoom(bytes: u32): usize {
  return allocate(bytes);
}

/** A guest with one vCPU, a console, no RAM and no devices. */
export function testGuest(): usize {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  const lock = changetype<Lock>(allocate(offsetof<Lock>()));
  lockInit(lock, RANK_GUEST);
  guest.lock = lock;
  guest.vcpuCount = 1;
  guest.vcpus = allocate(sizeof<usize>());
  const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>()));
  vcpu.guest = guest;
  store<usize>(guest.vcpus, changetype<usize>(vcpu));
  guest.ranges = allocate(16 * offsetof<RamRange>());
  guest.devices = allocate(devicesBytes());
  guest.name = allocate(8);
  guest.console = makeConsole(1);
  attachConsole(guest.console, guest.name, lock, changetype<usize>(guest));
  onConsole(guest.console, changetype<u32>(consoleEvent.index));
  return changetype<usize>(guest);
}

/** Adds a piece of RAM behind what the guest has. */
export function testRam(guest: Guest, gpa: u64, hpa: u64, size: u64): void {
  const range = ramRange(guest, guest.rangeCount);
  range.gpa = gpa;
  range.hpa = hpa;
  range.size = size;
  if (guest.rangeCount == 0) guest.ramBase = gpa;
  guest.rangeCount += 1;
  guest.ramSize += size;
}

/** A device of the guest, from the pool; still quiet. */
export function testDevice(guest: Guest, type: u32, queues: u32, offered: u64): usize {
  const device = takeVirtioDevice(type, queues);
  device.guest = guest;
  device.offered = offered;
  let index: u32 = 0;
  while (changetype<usize>(deviceAt(guest, index).device) != 0) index += 1;
  const entry: GuestDevice = deviceAt(guest, index);
  entry.device = device;
  return changetype<usize>(device);
}

/** Gives the guest a second vCPU; the first is stopped, the second as its state (STATE_*) and HSM state say. Answers it. */
export function testSecond(guest: Guest, state: u32, hsm: u32): usize {
  const first = load<usize>(guest.vcpus);
  const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>()));
  guest.vcpus = allocate(2 * sizeof<usize>());
  store<usize>(guest.vcpus, first);
  store<usize>(guest.vcpus + sizeof<usize>(), changetype<usize>(vcpu));
  changetype<Vcpu>(first).state = STATE_STOPPED;
  changetype<Vcpu>(first).hsm = HSM_STOPPED;
  vcpu.guest = guest;
  vcpu.state = state;
  vcpu.hsm = hsm;
  guest.vcpuCount = 2;
  return changetype<usize>(vcpu);
}

/** Takes and forgets the guest's request to go on with deferred work. */
export function testRequested(guest: Guest): u32 {
  const vcpu = changetype<Vcpu>(load<usize>(guest.vcpus));
  const bits = vcpu.requests & REQUEST_DEVICE;
  vcpu.requests &= ~REQUEST_DEVICE;
  return bits;
}

export function testQueue(device: VirtioDevice, index: u32): usize {
  return changetype<usize>(queueAt(device, index));
}

export function segmentBytes(): u32 {
  return offsetof<Segment>();
}

export function firstWritable(): usize {
  return writableSegments(hartChain(0));
}
