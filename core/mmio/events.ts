// SPDX-License-Identifier: Apache-2.0
// What happens to a guest's devices from outside: bytes for the UART, an alarm of the clock, a restart of the guest.
// Called in trap and worker context. Each ends in the device's interrupt line, which only this file moves.
import { now, setLine } from "../arch/seam";
import { GoldfishRtc, RTC_ALARM_OFF, rtcExpire, rtcReset } from "../dev/goldfish-rtc";
import { Device } from "../dev/device";
import { consoleMoved } from "../dev/virtio/console-model";
import { Ns16550, ns16550Drained, ns16550Receive, ns16550Reset } from "../dev/ns16550";
import { Guest } from "../guest/guest";
import { nanoseconds, ticksAt } from "../host/clock";
import { CONSOLE_RECEIVED } from "../host/console";
import { thisHart } from "../host/hart";
import { KIND_TIMER_CALL, Timer, timerArm, timerCancel, timerInit } from "../host/timers";
import { acquire, release } from "../lib/lock";
import { KIND_RTC, KIND_UART, Region, regionAt, regionOf } from "./region";

/** Passes the level that a device wants on to the guest's interrupt controller. The guest's lock is held. */
export function moveLine(guest: Guest, region: Region): void {
  const device = changetype<Device>(region.device);
  if (device.level == device.driven) return;
  device.driven = device.level;
  if (region.irq != 0) setLine(guest, region.irq, device.level);
}

/** The guest's console received bytes for it, or took bytes from it (onConsole). `owner` is the Guest; its lock is held. */
export function consoleEvent(owner: usize, what: u32): void {
  const guest = changetype<Guest>(owner);
  const uart = changetype<Ns16550>(guest.uart);
  if (guest.console.virtio != 0) consoleMoved(guest.console.virtio, what);
  if (guest.uart == 0) return;
  if (what == CONSOLE_RECEIVED) ns16550Receive(uart);
  else ns16550Drained(uart);
  deviceMoved(guest, guest.uart);
}

/** Something happened to a device from outside: its line follows. The guest's lock is held. */
export function deviceMoved(guest: Guest, device: usize): void {
  const region = regionOf(guest, device);
  if (changetype<usize>(region) != 0) moveLine(guest, region);
}

/** Makes a region's timer ready. */
export function alarmInit(guest: Guest, region: Region): void {
  const timer = changetype<Timer>(region.timer);
  timerInit(timer, KIND_TIMER_CALL, changetype<usize>(guest));
  timer.call = changetype<u32>(alarmExpired.index);
}

/**
 * A device's alarm moved to `deadline` (nanoseconds of host time). One that was taken back stays in the list: its
 * expiry finds nothing due, and waiting here for one that runs would wait for this guest's lock.
 */
export function setAlarm(region: Region, deadline: u64): void {
  if (region.timer == 0 || deadline == RTC_ALARM_OFF) return;
  timerArm(changetype<Timer>(region.timer), thisHart().index, ticksAt(deadline));
}

/** A host timer of this guest's devices expired; no lock is held. */
function alarmExpired(owner: usize): void {
  const guest = changetype<Guest>(owner);
  acquire(guest.lock);
  for (let index: u32 = 0; index < guest.regionCount; index++) {
    const region = regionAt(guest, index);
    if (region.kind != KIND_RTC) continue;
    const rtc = changetype<GoldfishRtc>(region.device);
    rtcExpire(rtc, nanoseconds(now()));
    moveLine(guest, region);
  }
  release(guest.lock);
}

/**
 * The guest restarts: every device but the interrupt controller (irqchipReset) is as after power-on, its line low. The
 * guest's lock is held.
 */
export function busReset(guest: Guest): void {
  for (let index: u32 = 0; index < guest.regionCount; index++) {
    const region = regionAt(guest, index);
    if (region.kind == KIND_UART) ns16550Reset(changetype<Ns16550>(region.device));
    else if (region.kind == KIND_RTC) rtcReset(changetype<GoldfishRtc>(region.device));
    else continue;
    moveLine(guest, region);
  }
}

/** The guest goes: no timer of its devices expires afterwards. The guest's lock is not held. */
export function busStop(guest: Guest): void {
  for (let index: u32 = 0; index < guest.regionCount; index++) {
    const region = regionAt(guest, index);
    if (region.timer != 0) timerCancel(changetype<Timer>(region.timer));
  }
}
