// SPDX-License-Identifier: Apache-2.0
// A switch's table of addresses: which port a station is at, per VLAN. The addresses that ports were made with stand in it
// for good; others are learned from what ports send, each port up to its limit, and age. Buckets of eight entries, chosen
// by a salted hash, so that a guest cannot aim at another's bucket; no entry of one port ever pushes out a live one of
// another. Trap context, the switch's lock held.
//
// Who may have an address: its owner, if it was set for a port. Else who was first, while it uses it; the uplink before
// any guest; and another guest once the address was quiet for MOVE_QUIET (it has moved). So no guest can take an address
// that another port or the outside is using, but a station may move between guests.
import { DROP_SPOOFED, Port, PORT_UPLINK } from "./port";
import { Switch } from "./switch";

@unmanaged
export class Entry {
  /** Address, the first byte lowest, and the VLAN above it; 0: free. */
  key: u64 = 0;
  port: Port = changetype<Port>(0);
  /** Second in which it was last used, FIXED for a port's own. */
  seen: u32 = 0;
}

/** Seconds after which a learned address is forgotten. */
export const AGE: u32 = 300;
/** Seconds of silence after which an address may move from one guest's port to another's. */
export const MOVE_QUIET: u32 = 5;
const FIXED: u32 = u32.MAX_VALUE;

const BUCKET: u32 = 8;
const BUCKETS: u32 = 128;
const BUCKET_SHIFT: u64 = 57;
const BUCKET_BYTES: usize = <usize>BUCKET * offsetof<Entry>();
export const TABLE_BYTES: usize = <usize>BUCKETS * BUCKET_BYTES;

/** Of learnAddress: the address is, or now is, this port's. */
export const LEARNED: u32 = u32.MAX_VALUE;

function bucketOf(sw: Switch, key: u64): usize {
  const hash = ((key ^ sw.salt) * 0x9e37_79b9_7f4a_7c15) >> BUCKET_SHIFT;
  return sw.table + <usize>hash * BUCKET_BYTES;
}

function findEntry(sw: Switch, key: u64): Entry {
  const bucket = bucketOf(sw, key);
  for (let at = bucket; at < bucket + BUCKET_BYTES; at += offsetof<Entry>()) {
    if (changetype<Entry>(at).key == key) return changetype<Entry>(at);
  }
  return changetype<Entry>(0);
}

function hasAged(entry: Entry, second: u32): bool {
  return entry.seen != FIXED && second - entry.seen >= AGE;
}

/** The port at which the address is, null if that is not known. */
export function findAddress(sw: Switch, key: u64, second: u32): Port {
  const entry = findEntry(sw, key);
  return changetype<usize>(entry) == 0 || hasAged(entry, second) ? changetype<Port>(0) : entry.port;
}

/**
 * `port` sent with the source `key`. LEARNED, or DROP_SPOOFED: it may not use that address.
 * The uplink's stations are too many to hold it to that: what is not learned of them may be forwarded all the same, unless
 * the address is a port's own.
 */
export function learnAddress(sw: Switch, port: Port, key: u64, second: u32): u32 {
  const entry = findEntry(sw, key);
  if (changetype<usize>(entry) != 0) {
    if (entry.port == port) {
      if (entry.seen != FIXED) entry.seen = second;
      return LEARNED;
    }
    if (!mayMove(entry, port, second)) return DROP_SPOOFED;
    if (!hasRoom(sw, port, second)) return refused(port);
    settle(sw, entry, port, key, second);
    return LEARNED;
  }
  if (!hasRoom(sw, port, second)) return refused(port);
  const place = placeFor(sw, port, key, second);
  if (changetype<usize>(place) == 0) return refused(port);
  settle(sw, place, port, key, second);
  return LEARNED;
}

function refused(port: Port): u32 {
  return port.kind == PORT_UPLINK ? LEARNED : DROP_SPOOFED;
}

function mayMove(entry: Entry, to: Port, second: u32): bool {
  if (entry.seen == FIXED) return false;
  if (to.kind == PORT_UPLINK || hasAged(entry, second)) return true;
  return entry.port.kind != PORT_UPLINK && second - entry.seen >= MOVE_QUIET;
}

/** Whether the port may learn one more; looks for its aged ones at most once a second. */
function hasRoom(sw: Switch, port: Port, second: u32): bool {
  if (port.learned < port.addresses) return true;
  if (port.addresses == 0 || port.swept == second) return false;
  port.swept = second;
  for (let at = sw.table; at < sw.table + TABLE_BYTES; at += offsetof<Entry>()) {
    const entry = changetype<Entry>(at);
    if (entry.key != 0 && entry.port == port && hasAged(entry, second)) clearEntry(sw, entry);
  }
  return port.learned < port.addresses;
}

/** A free place for the address, or one whose entry has aged, or of the uplink's its oldest (it has the most). */
function placeFor(sw: Switch, port: Port, key: u64, second: u32): Entry {
  const bucket = bucketOf(sw, key);
  let oldest = changetype<Entry>(0);
  for (let at = bucket; at < bucket + BUCKET_BYTES; at += offsetof<Entry>()) {
    const entry = changetype<Entry>(at);
    if (entry.key == 0 || hasAged(entry, second)) return entry;
    if (entry.seen == FIXED || entry.port.kind != PORT_UPLINK) continue;
    if (changetype<usize>(oldest) == 0 || entry.seen < oldest.seen) oldest = entry;
  }
  return oldest;
}

/** Gives the entry, whoever had it, to the port. */
function settle(sw: Switch, entry: Entry, port: Port, key: u64, second: u32): void {
  clearEntry(sw, entry);
  entry.key = key;
  entry.port = port;
  entry.seen = second;
  port.learned += 1;
}

/** What was found out before is no longer true: the epoch says so to those who remember it. */
function clearEntry(sw: Switch, entry: Entry): void {
  if (entry.key == 0) return;
  if (entry.seen != FIXED) entry.port.learned -= 1;
  entry.key = 0;
  sw.epoch += 1;
}

/** Enters a port's own address. False: another port has it as its own, or the table is full of such ones. */
export function fixAddress(sw: Switch, port: Port, key: u64): bool {
  let entry = findEntry(sw, key);
  if (changetype<usize>(entry) != 0) {
    if (entry.seen == FIXED) return false;
  } else {
    const bucket = bucketOf(sw, key);
    for (let at = bucket; at < bucket + BUCKET_BYTES; at += offsetof<Entry>()) {
      const here = changetype<Entry>(at);
      if (here.key == 0 || (here.seen != FIXED && changetype<usize>(entry) == 0)) entry = here;
    }
    if (changetype<usize>(entry) == 0) return false;
  }
  settle(sw, entry, port, key, FIXED);
  port.learned -= 1;
  return true;
}

/** Forgets every address of the port, its own too. */
export function forgetPort(sw: Switch, port: Port): void {
  for (let at = sw.table; at < sw.table + TABLE_BYTES; at += offsetof<Entry>()) {
    const entry = changetype<Entry>(at);
    if (entry.key != 0 && entry.port == port) clearEntry(sw, entry);
  }
}

/** Learned addresses that have not aged; without the lock, for people. */
export function countAddresses(sw: Switch, second: u32): u32 {
  let count: u32 = 0;
  for (let at = sw.table; at < sw.table + TABLE_BYTES; at += offsetof<Entry>()) {
    const entry = changetype<Entry>(at);
    if (entry.key != 0 && entry.seen != FIXED && !hasAged(entry, second)) count += 1;
  }
  return count;
}
