// SPDX-License-Identifier: Apache-2.0
// A polite end: asks the guest's kernel to sync and remount its disks read-only, and two seconds later to power off or
// restart, with the keys that Linux takes after a break on its serial console (magic SysRq). A guest that knows no
// such keys sees three breaks and goes on; whoever asked waits with a limit. Trap and worker context.
import { now } from "../arch/seam";
import { ticksPerSecond } from "../host/clock";
import { Ns16550, ns16550Break } from "../dev/ns16550";
import { KIND_TIMER_CALL, Timer, timerArm, timerInit } from "../host/timers";
import { thisHart } from "../host/hart";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { deviceMoved } from "../mmio/events";
import { Guest, GUEST_RUNNING } from "./guest";

const KEY_SYNC: u32 = 0x73;
const KEY_READ_ONLY: u32 = 0x75;
const KEY_OFF: u32 = 0x6f;
const KEY_RESTART: u32 = 0x62;
/** Between the first keys and the last. */
const SECONDS: u64 = 2;

/** A new guest: no polite end is under way. */
export function politeInit(guest: Guest): void {
  const timer = changetype<Timer>(guest.politeTimer);
  timerInit(timer, KIND_TIMER_CALL, changetype<usize>(guest));
  timer.call = changetype<u32>(lastKey.index);
}

/** Asks it to power off. Invalid unless it runs, Busy if it is asked already. */
export function guestShutdown(guest: Guest): i32 {
  return askPolitely(guest, KEY_OFF);
}

/** Asks it to restart. */
export function guestReboot(guest: Guest): i32 {
  return askPolitely(guest, KEY_RESTART);
}

function askPolitely(guest: Guest, key: u32): i32 {
  acquire(guest.lock);
  let status: i32 = guest.state == GUEST_RUNNING && guest.wanted == 0 ? Status.Ok : Status.Invalid;
  if (guest.politeKey != 0) status = Status.Busy;
  if (status == Status.Ok) {
    guest.politeKey = key;
    press(guest, KEY_SYNC);
    press(guest, KEY_READ_ONLY);
    // With the lock held: a guest that goes cancels it afterwards.
    timerArm(changetype<Timer>(guest.politeTimer), thisHart().index, now() + SECONDS * ticksPerSecond());
  }
  release(guest.lock);
  return status;
}

function press(guest: Guest, key: u32): void {
  ns16550Break(changetype<Ns16550>(guest.uart), key);
  deviceMoved(guest, guest.uart);
}

/** Expiry of the timer. */
function lastKey(owner: usize): void {
  const guest = changetype<Guest>(owner);
  acquire(guest.lock);
  if (guest.politeKey != 0 && guest.state == GUEST_RUNNING) press(guest, guest.politeKey);
  guest.politeKey = 0;
  release(guest.lock);
}
