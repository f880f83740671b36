// SPDX-License-Identifier: Apache-2.0
// A port of a virtual switch: what a guest's network device, or the host's NIC, is plugged into. The record holds what was
// set for it and what is counted; records are made once and used again, so a sender that still has the address of a port
// which has gone finds a port, and notices under the receiver's lock that it is not the one (dev/virtio/net-receive.ts).
// Created and destroyed under the creation lock; the rate's bucket is used in trap context.
import { now } from "../../arch/seam";
import { ticksPerSecond } from "../../host/clock";
import { netRelease } from "../../dev/virtio/net-transmit";
import { thisHart } from "../../host/hart";
import { KIND_TIMER_CALL, Timer, timerArm, timerInit } from "../../host/timers";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_QUEUE, release } from "../../lib/lock";
import { allocate, arenaNeeds } from "../../mem/arena";
import { Switch } from "./switch";
import { uplinkRoom } from "./uplink-send";

// ---- kind
export const PORT_GUEST: u32 = 0;
export const PORT_UPLINK: u32 = 1;

/** Pairs of queues that a device may have. */
export const MAX_PAIRS: u32 = 4;
/** Addresses besides its own that a guest may use, if nothing else is set: containers or guests of its own behind a bridge. */
export const ADDRESSES_DEFAULT: u32 = 8;
export const MTU_DEFAULT: u32 = 1500;
export const MTU_MIN: u32 = 68;
export const MTU_MAX: u32 = 9000;
/** Most bytes a second that a limit can be: the bucket's arithmetic fits 64 bits below it. */
const RATE_MAX: u64 = 1 << 37;
/** A full bucket is what the rate gives in 1/16 s, and at least a large frame. */
const BURST_SHIFT: u64 = 4;
const BURST_MIN: u64 = 65536;

// ---- Why a frame was dropped. The first are the sender's, counted under the lock of its queue; the others the receiver's.
/** Too short for its headers. */
export const DROP_SHORT: u32 = 0;
/** Longer than the sender's MTU. */
export const DROP_LONG: u32 = 1;
/** Its VirtIO header does not agree with the frame. */
export const DROP_HEADER: u32 = 2;
/** Its source is not an address of the port. */
export const DROP_SPOOFED: u32 = 3;
/** It has a VLAN tag, or the tag of a VLAN that is not there. */
export const DROP_VLAN: u32 = 4;
/** No port may have it. */
export const DROP_NOWHERE: u32 = 5;
/** It is too large for all ports. */
export const DROP_FLOOD: u32 = 6;
/** The uplink has no room, or does not work. */
export const DROP_UPLINK: u32 = 7;
/** No receive buffer is large enough, or there is none. */
export const DROP_NO_ROOM: u32 = 8;
/** The receiver's driver does not work (yet). */
export const DROP_DOWN: u32 = 9;
/** Reasons there are. */
export const DROPS: u32 = 10;

/** What a port is made with. */
@unmanaged
export class PortSettings {
  /** Its address, the first byte lowest. */
  mac: u64 = 0;
  /** Most bytes a second that it sends; 0: no limit. */
  rate: u64 = 0;
  /** Its VLAN, 1 to 4094; 0: frames without a tag. */
  vlan: u32 = 0;
  /** 1: it exchanges frames with the uplink only. */
  isolated: u32 = 0;
  mtu: u32 = MTU_DEFAULT;
  /** Addresses besides `mac` that it may use. */
  addresses: u32 = ADDRESSES_DEFAULT;
  /** The answer of portCreate: Ok, Invalid, Busy (another port of the VLAN has the address), Limit (the switch is full), NoMemory. */
  status: i32 = 0;
  settingsPad: u32 = 0;
}

/** What belongs to one pair of queues of a port: the sending half to the lock of its transmit queue, the other to the receive queue's. */
@unmanaged
export class PortPair {
  sentFrames: u64 = 0;
  sentBytes: u64 = 0;
  receivedFrames: u64 = 0;
  receivedBytes: u64 = 0;
  /** By DROP_*. */
  drop0: u64 = 0;
  drop1: u64 = 0;
  drop2: u64 = 0;
  drop3: u64 = 0;
  drop4: u64 = 0;
  drop5: u64 = 0;
  drop6: u64 = 0;
  drop7: u64 = 0;
  drop8: u64 = 0;
  drop9: u64 = 0;
  /** Of those sent: to all ports; and how often the rate made the queue wait. */
  flooded: u64 = 0;
  throttled: u64 = 0;
  /** Where the last frame went: address with VLAN, port, the switch's epoch of that knowledge, and in which second. */
  lastKey: u64 = 0;
  lastPort: usize = 0;
  lastEpoch: u32 = 0;
  /** The last learned source, in which second, and the switch's epoch then. */
  sourceKey: u64 = 0;
  sourceSecond: u32 = 0;
  sourceEpoch: u32 = 0;
  /** 1: the transmit queue waits until the rate lets it go on. */
  waiting: u32 = 0;
  lastSecond: u32 = 0;
}

@unmanaged
export class Port {
  mac: u64 = 0;
  rate: u64 = 0;
  /** The rate's bucket: bytes that may be sent (they may be overdrawn by a frame), and up to when they were counted. */
  tokens: i64 = 0;
  refilled: u64 = 0;
  /** Guards the bucket and the timer. */
  lock: Lock = changetype<Lock>(0);
  /** The switch, 0 when nobody has the port. */
  on: Switch = changetype<Switch>(0);
  /** Net (dev/virtio/net.ts) or Uplink, 0 while nothing is plugged in. */
  plugged: usize = 0;
  kind: u32 = 0;
  vlan: u32 = 0;
  isolated: u32 = 0;
  mtu: u32 = 0;
  /** Addresses that it may have learned, and has; the switch's lock. */
  addresses: u32 = 0;
  learned: u32 = 0;
  /** Second in which its aged addresses were last looked for. */
  swept: u32 = 0;
  /** Its place in the switch's list. */
  slot: u32 = 0;
  /** MAX_PAIRS PortPair records. */
  pairs: usize = 0;
  /** Ends a wait of its queues. */
  timer: Timer = changetype<Timer>(0);
  /** The next free one. */
  next: usize = 0;
}

// @lock creation
let free: usize = 0;

const PAIRS_BYTES: usize = <usize>MAX_PAIRS * offsetof<PortPair>();

/** A zeroed record with what hangs on it; null without memory. */
export function takePort(): Port {
  let port = changetype<Port>(free);
  if (free) free = port.next;
  else {
    const bytes = offsetof<Port>() + PAIRS_BYTES + offsetof<Timer>() + <usize>LOCK_SIZE + 32;
    if (!arenaNeeds(<u32>bytes)) return changetype<Port>(0);
    port = changetype<Port>(allocate(offsetof<Port>()));
    port.pairs = allocate(PAIRS_BYTES);
    port.timer = changetype<Timer>(allocate(offsetof<Timer>()));
    port.lock = changetype<Lock>(allocate(<usize>LOCK_SIZE));
    lockInit(port.lock, RANK_QUEUE);
    timerInit(port.timer, KIND_TIMER_CALL, changetype<usize>(port));
    port.timer.call = changetype<u32>(portExpired.index);
  }
  memory.fill(port.pairs, 0, PAIRS_BYTES);
  port.plugged = 0;
  port.learned = 0;
  port.swept = 0;
  return port;
}

export function givePort(port: Port): void {
  port.on = changetype<Switch>(0);
  port.next = free;
  free = changetype<usize>(port);
}

export function pairAt(port: Port, index: u32): PortPair {
  return changetype<PortPair>(port.pairs + <usize>index * offsetof<PortPair>());
}

/** Counts a dropped frame. */
export function countDrop(pair: PortPair, reason: u32): void {
  const at = changetype<usize>(pair) + offsetof<PortPair>("drop0") + ((<usize>reason) << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** Adds up what a port's pairs counted: into.sentFrames to into.throttled. */
export function portCounters(port: Port, into: PortPair): void {
  memory.fill(changetype<usize>(into), 0, offsetof<PortPair>());
  for (let i: u32 = 0; i < MAX_PAIRS; i++) {
    const pair = changetype<usize>(pairAt(port, i));
    for (let at: usize = 0; at < offsetof<PortPair>("lastKey"); at += 8) {
      const sum = changetype<usize>(into) + at;
      store<u64>(sum, load<u64>(sum) + load<u64>(pair + at));
    }
  }
}

/** Sets the rate, in bytes a second, and fills the bucket; queues that waited by the former rate go on. */
export function portSetRate(port: Port, rate: u64): void {
  acquire(port.lock);
  port.rate = min(rate, RATE_MAX);
  port.refilled = now();
  port.tokens = <i64>burst(port);
  if (port.timer.armed) timerArm(port.timer, thisHart().index, port.refilled);
  release(port.lock);
}

function burst(port: Port): u64 {
  return max(port.rate >> BURST_SHIFT, BURST_MIN);
}

/** Counts up what the bucket earned. */
function refill(port: Port, at: u64): void {
  const ticks = ticksPerSecond();
  const full = burst(port);
  const missing = <u64>(<i64>full - port.tokens);
  const elapsed = at - port.refilled;
  // Whole seconds first, so that the product stays below 2^64.
  if (elapsed / ticks >= missing / port.rate + 1) {
    port.tokens = <i64>full;
    port.refilled = at;
    return;
  }
  const seconds = elapsed / ticks;
  const earned = seconds * port.rate + mulDiv(elapsed % ticks, port.rate, ticks);
  if (earned == 0) return;
  port.tokens += <i64>min(earned, missing);
  port.refilled =
    earned >= missing ? at : port.refilled + seconds * ticks + mulDiv(earned - seconds * port.rate, ticks, port.rate);
}

/** a × b / c without the loss of what does not fit 64 bits: b's upper and lower 16 bits in turn. */
function mulDiv(a: u64, b: u64, c: u64): u64 {
  const high = a * (b >> 16);
  return ((high / c) << 16) + (((high % c) << 16) + a * (b & 0xffff)) / c;
}

/** Takes `bytes` of the bucket. Answers 0, or when the port may send again (host time): it has sent more than its rate. */
export function portSpend(port: Port, bytes: u32): u64 {
  const at = now();
  let wait: u64 = 0;
  acquire(port.lock);
  // The limit may have been lifted since the caller looked.
  if (port.rate != 0) {
    refill(port, at);
    port.tokens -= bytes;
    const missing = port.tokens > 0 ? 0 : <u64>-port.tokens + (burst(port) >> 2);
    if (missing)
      wait = (missing / port.rate) * ticksPerSecond() + mulDiv(missing % port.rate, ticksPerSecond(), port.rate);
  }
  release(port.lock);
  return wait ? at + wait : 0;
}

/** A queue of the port waits until `deadline` (host time), or until an earlier one that another queue waits for. */
export function portWait(port: Port, deadline: u64): void {
  acquire(port.lock);
  if (port.timer.armed == 0) timerArm(port.timer, thisHart().index, deadline);
  release(port.lock);
}

/** Timer: its queues go on; of an uplink, those that wait for it. */
export function portExpired(owner: usize): void {
  const port = changetype<Port>(owner);
  if (port.kind == PORT_UPLINK) uplinkRoom(port.on);
  else netRelease(port);
}
