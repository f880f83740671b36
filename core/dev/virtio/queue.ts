// SPDX-License-Identifier: Apache-2.0
// Split virtqueues as the device works on them: takes chains, gives them back, tells the driver. Called with the queue's
// lock held, in trap context. The rings lie in the guest's memory and the guest may write them at any time: every field is
// copied once, checked, and only the copy is used. Whatever breaks the rules ends in DEVICE_NEEDS_RESET, after a bounded
// amount of work. The driver's index is read once for all the chains that it announces, and so is each table of descriptors.
// @spec virtio 1.2 §2.7
import * as hw from "../../hw";
import { Guest } from "../../guest/guest";
import { hostAddress, hostRun, inGuestRam, readGuest, writeGuest } from "../../guest/memory";
import { VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_DESC_F_WRITE, VIRTQ_DESC_SIZE, VIRTQ_USED_F_NO_NOTIFY } from "../spec";
import { Chain, hartScratch, MAX_SEGMENTS, Segment } from "./chain";
import { Virtqueue } from "./device";
import { virtioBroken, virtioInterrupt } from "./interrupt";
import {
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTQ_AVAIL_ALIGN,
  VIRTQ_DESC_ALIGN,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_DESC_F_NEXT,
  VIRTQ_RING_ENTRIES,
  VIRTQ_RING_EXTRA,
  VIRTQ_RING_INDEX,
  VIRTQ_USED_ALIGN,
} from "./spec";

/** Descriptors of one indirect table that a chain may have: drivers go beyond the queue's size there. */
const MAX_INDIRECT: u32 = 256;
/** Descriptors that are copied at once: of the queue's table, where most chains have one or few, and of an indirect one. */
const DIRECT_BATCH: u32 = 2;
const INDIRECT_BATCH: u32 = 16;
/** No chain may be longer, which forbids loops too. @spec virtio §2.7.5 */
const MAX_BYTES: u64 = 0x1_0000_0000;
/** Of Virtqueue.listened: the driver was not asked yet. */
const NEVER: u32 = u32.MAX_VALUE;

function hasFeature(queue: Virtqueue, feature: u32): bool {
  return ((queue.owner.accepted >> (<u64>feature)) & 1) != 0;
}

// ---- Areas of a ring.

/**
 * The three areas of a queue that is about to be enabled, in host memory. False: its size is no power of two up to the
 * maximum, or an area is crooked or does not lie in the guest's RAM.
 */
export function queueFind(queue: Virtqueue): bool {
  const size = queue.size;
  if (size == 0 || size > queue.maximum || (size & (size - 1)) != 0) return false;
  const extra = hasFeature(queue, VIRTIO_F_EVENT_IDX) ? VIRTQ_RING_EXTRA : VIRTQ_RING_ENTRIES;
  const table = size * VIRTQ_DESC_SIZE;
  const driver = extra + (size << 1);
  const device = extra + (size << 3);
  const guest = queue.owner.guest;
  if (!fits(guest, queue.descriptors, table, VIRTQ_DESC_ALIGN)) return false;
  if (!fits(guest, queue.driver, driver, VIRTQ_AVAIL_ALIGN)) return false;
  if (!fits(guest, queue.device, device, VIRTQ_USED_ALIGN)) return false;
  queue.descriptorsHpa = whole(guest, queue.descriptors, table);
  queue.driverHpa = whole(guest, queue.driver, driver);
  queue.deviceHpa = whole(guest, queue.device, device);
  return true;
}

/** A queue begins anew: nothing was taken, nothing was given back. */
export function queueRestart(queue: Virtqueue): void {
  queue.taken = queue.used = queue.announced = queue.seen = 0;
  queue.listened = NEVER;
  queue.inFlight = 0;
  queue.deferred = 0;
}

function fits(guest: Guest, gpa: u64, bytes: u32, align: u32): bool {
  return (gpa & (align - 1)) == 0 && inGuestRam(guest, gpa, bytes);
}

/** hpa of an area, 0 if it is in pieces. */
function whole(guest: Guest, gpa: u64, bytes: u32): u64 {
  return hostRun(guest, gpa, bytes) == bytes ? hostAddress(guest, gpa) : 0;
}

/** A half word of the driver's area. */
function driverHalf(queue: Virtqueue, offset: u32): u32 {
  const ptr = hartScratch();
  if (queue.driverHpa != 0) hw.copyIn(ptr, queue.driverHpa + offset, 2);
  else readGuest(queue.owner.guest, ptr, queue.driver + offset, 2);
  return load<u16>(ptr);
}

/** The first bytes of this hart's scratch to the device's area. */
function deviceWrite(queue: Virtqueue, offset: u32, bytes: u32): void {
  const ptr = hartScratch();
  if (queue.deviceHpa != 0) hw.copyOut(queue.deviceHpa + offset, ptr, bytes);
  else writeGuest(queue.owner.guest, queue.device + offset, ptr, bytes);
}

function deviceHalf(queue: Virtqueue, offset: u32, value: u32): void {
  store<u16>(hartScratch(), <u16>value);
  deviceWrite(queue, offset, 2);
}

// ---- Taking chains.

/** Takes the next chain: 1 and `chain` is filled, 0 there is none, -1 the driver broke the ring. */
export function queuePop(queue: Virtqueue, chain: Chain): i32 {
  if (queue.live == 0) return 0;
  if (queue.taken == queue.seen) {
    const more = look(queue);
    if (more <= 0) return more;
  }
  const head = driverHalf(queue, VIRTQ_RING_ENTRIES + ((queue.taken & (queue.size - 1)) << 1));
  // A driver that had more chains out than there are descriptors would have named some twice.
  if (queue.inFlight >= queue.size || !takeChain(queue, chain, head)) return breakRing(queue);
  queue.taken = (queue.taken + 1) & 0xffff;
  queue.inFlight += 1;
  return 1;
}

/** Gives the chain taken last back to the ring, as if it had not been taken. */
export function queueUnpop(queue: Virtqueue): void {
  queue.taken = (queue.taken - 1) & 0xffff;
  queue.inFlight -= 1;
}

/** Everything known was taken: asks for a notification, then reads the driver's index. Answers as queuePop. */
function look(queue: Virtqueue): i32 {
  if (queue.owner.broken != 0) return 0;
  if (queue.listened != queue.taken && hasFeature(queue, VIRTIO_F_EVENT_IDX)) askAtTaken(queue);
  const index = driverHalf(queue, VIRTQ_RING_INDEX);
  const ahead = (index - queue.taken) & 0xffff;
  if (ahead == 0) return 0;
  if (ahead > queue.size) return breakRing(queue);
  queue.seen = index;
  hw.fence();
  return 1;
}

/** The driver is to notify when it adds the next chain. Stands before its index is read. @spec virtio §2.7.10 */
function askAtTaken(queue: Virtqueue): void {
  deviceHalf(queue, VIRTQ_RING_ENTRIES + (queue.size << 3), queue.taken);
  queue.listened = queue.taken;
  hw.fence();
}

function breakRing(queue: Virtqueue): i32 {
  virtioBroken(queue.owner, queue);
  return -1;
}

/** Copies and checks a chain of descriptors. False: the driver broke a rule. @spec virtio §2.7.5 */
function takeChain(queue: Virtqueue, chain: Chain, head: u32): bool {
  const guest = queue.owner.guest;
  chain.guest = guest;
  chain.head = head;
  chain.readable = 0;
  chain.writable = 0;
  chain.readBytes = 0;
  chain.writeBytes = 0;
  const scratch = hartScratch();
  let tableGpa = queue.descriptors;
  let tableHpa = queue.descriptorsHpa;
  let count = queue.size;
  let batch = DIRECT_BATCH;
  let indirect = false;
  let index = head;
  // Descriptors [first, end) of the table are in the scratch; `left` more may follow.
  let first: u32 = 0;
  let end: u32 = 0;
  for (let left = count; left != 0; left--) {
    if (index >= count) return false;
    if (index < first || index >= end) {
      first = index;
      end = index + min(batch, count - index);
      fetch(guest, tableHpa, tableGpa, index, end - index);
    }
    const at = scratch + <usize>(index - first) * VIRTQ_DESC_SIZE;
    const flags: u32 = load<u16>(at, 12);
    if (flags & VIRTQ_DESC_F_INDIRECT) {
      const gpa = load<u64>(at);
      const bytes = load<u32>(at, 8);
      if (indirect || !hasFeature(queue, VIRTIO_F_INDIRECT_DESC) || !isTable(guest, flags, gpa, bytes)) return false;
      indirect = true;
      tableGpa = gpa;
      tableHpa = whole(guest, gpa, bytes);
      batch = INDIRECT_BATCH;
      count = bytes / VIRTQ_DESC_SIZE;
      index = first = end = 0;
      left = min(count, MAX_INDIRECT) + 1;
      continue;
    }
    if (!addBuffer(chain, load<u64>(at), load<u32>(at, 8), flags & VIRTQ_DESC_F_WRITE)) return false;
    if ((flags & VIRTQ_DESC_F_NEXT) == 0) return true;
    index = load<u16>(at, 14);
  }
  return false;
}

/** Descriptors [index, index + count) of a table into the scratch, in one copy. */
function fetch(guest: Guest, tableHpa: u64, tableGpa: u64, index: u32, count: u32): void {
  const offset = <u64>index * VIRTQ_DESC_SIZE;
  const bytes = count * VIRTQ_DESC_SIZE;
  if (tableHpa != 0) hw.copyIn(hartScratch(), tableHpa + offset, bytes);
  else readGuest(guest, hartScratch(), tableGpa + offset, bytes);
}

/** Whether a descriptor names a table as it should. @spec virtio §2.7.5.3 */
function isTable(guest: Guest, flags: u32, gpa: u64, bytes: u32): bool {
  if (flags & VIRTQ_DESC_F_NEXT || bytes == 0 || bytes % VIRTQ_DESC_SIZE != 0) return false;
  return inGuestRam(guest, gpa, bytes);
}

/** One buffer, translated. False: empty, not in RAM, out of order, or too much. @spec virtio §2.7.4.2 */
function addBuffer(chain: Chain, gpa: u64, length: u32, write: u32): bool {
  if (length == 0 || !inGuestRam(chain.guest, gpa, length)) return false;
  if (write) chain.writeBytes += length;
  else {
    if (chain.writable != 0) return false;
    chain.readBytes += length;
  }
  if (chain.readBytes + chain.writeBytes > MAX_BYTES) return false;
  let left: u64 = length;
  while (left != 0) {
    const bytes = hostRun(chain.guest, gpa, left);
    if (!addSegment(chain, hostAddress(chain.guest, gpa), bytes, write)) return false;
    gpa += bytes;
    left -= bytes;
  }
  return true;
}

/** What follows right behind the part's last segment makes that longer. */
function addSegment(chain: Chain, hpa: u64, bytes: u64, write: u32): bool {
  const count = chain.readable + chain.writable;
  const next = chain.segments + <usize>count * offsetof<Segment>();
  if ((write ? chain.writable : chain.readable) != 0) {
    const last = changetype<Segment>(next - offsetof<Segment>());
    if (last.hpa + last.length == hpa) {
      last.length += bytes;
      return true;
    }
  }
  if (count == MAX_SEGMENTS) return false;
  changetype<Segment>(next).hpa = hpa;
  changetype<Segment>(next).length = bytes;
  if (write) chain.writable += 1;
  else chain.readable += 1;
  return true;
}

// ---- Giving them back.

/** Gives a chain back with `written` bytes in it. The driver sees it after queueAnnounce. @spec virtio §2.7.8 */
export function queuePush(queue: Virtqueue, head: u32, written: u32): void {
  queue.inFlight -= 1;
  if (queue.live == 0) return;
  const ptr = hartScratch();
  store<u32>(ptr, head);
  store<u32>(ptr, written, 4);
  deviceWrite(queue, VIRTQ_RING_ENTRIES + ((queue.used & (queue.size - 1)) << 3), 8);
  queue.used = (queue.used + 1) & 0xffff;
}

/** Shows the driver what was given back, and interrupts it if it wants that. @spec virtio §2.7.7, §2.7.8 */
export function queueAnnounce(queue: Virtqueue): void {
  const before = queue.announced;
  const now = queue.used;
  if (queue.live == 0 || now == before) return;
  hw.fence();
  deviceHalf(queue, VIRTQ_RING_INDEX, now);
  queue.announced = now;
  queue.owner.chains += (now - before) & 0xffff;
  hw.fence();
  if (wantsInterrupt(queue, before, now)) virtioInterrupt(queue.owner, queue);
}

/** Whether the driver is to be told that the used index went from `before` to `now`. */
function wantsInterrupt(queue: Virtqueue, before: u32, now: u32): bool {
  if (!hasFeature(queue, VIRTIO_F_EVENT_IDX)) return (driverHalf(queue, 0) & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
  const event = driverHalf(queue, VIRTQ_RING_ENTRIES + (queue.size << 1));
  return ((now - event - 1) & 0xffff) < ((now - before) & 0xffff);
}

/** Asks for notifications again, after queueHush; take once more (queuePop) afterwards. @spec virtio §2.7.10 */
export function queueListen(queue: Virtqueue): void {
  if (queue.live == 0) return;
  if (hasFeature(queue, VIRTIO_F_EVENT_IDX)) {
    askAtTaken(queue);
    return;
  }
  deviceHalf(queue, 0, 0);
  hw.fence();
}

/** Asks for none, as far as the driver looks: with the event index there are none until queuePop finds nothing. */
export function queueHush(queue: Virtqueue): void {
  if (queue.live != 0 && !hasFeature(queue, VIRTIO_F_EVENT_IDX)) deviceHalf(queue, 0, VIRTQ_USED_F_NO_NOTIFY);
}
