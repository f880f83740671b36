// SPDX-License-Identifier: Apache-2.0
// A guest's devices by guest-physical address. The table is filled when the guest is made and fixed from then on; each
// access of a vCPU that stage 2 does not map comes here in trap context. The device sees only its own offset; what it
// wants of the world (its interrupt line, its output, its alarm) is passed on here, with the guest's lock held.
import { irqchipAccess, now } from "../arch/seam";
import { GoldfishRtc, rtcAccess } from "../dev/goldfish-rtc";
import { Ns16550, ns16550Access, ns16550Drained } from "../dev/ns16550";
import { Guest } from "../guest/guest";
import { nanoseconds } from "../host/clock";
import { consoleGuestOutput } from "../host/console";
import { acquire, release } from "../lib/lock";
import { ringCount } from "../lib/ring";
import { Status } from "../lib/status";
import { Access, Unhandled } from "./access";
import { alarmInit, moveLine, setAlarm } from "./events";
import { KIND_PLIC, KIND_RTC, KIND_UART, MAX_REGIONS, Region, regionAt } from "./region";

/**
 * Adds a copy of `region` to the guest's table; those added first are found fastest. Busy when it would overlap RAM or
 * another region or share a line, Range when it wraps, Limit when the table is full.
 */
export function busAdd(guest: Guest, region: Region): i32 {
  if (region.size == 0) return Status.Invalid;
  if (region.base + (region.size - 1) < region.base) return Status.Range;
  if (guest.regionCount >= MAX_REGIONS) return Status.Limit;
  if (guest.ramSize != 0 && overlaps(region, guest.ramBase, guest.ramSize)) return Status.Busy;
  for (let index: u32 = 0; index < guest.regionCount; index++) {
    const other = regionAt(guest, index);
    if (overlaps(region, other.base, other.size)) return Status.Busy;
    if (region.irq != 0 && region.irq == other.irq) return Status.Busy;
  }
  const added = regionAt(guest, guest.regionCount);
  memory.copy(changetype<usize>(added), changetype<usize>(region), offsetof<Region>());
  guest.regionCount += 1;
  if (added.timer != 0) alarmInit(guest, added);
  return Status.Ok;
}

/** Neither range is empty or wraps: they overlap when one begins inside the other. */
function overlaps(region: Region, base: u64, size: u64): bool {
  return region.base - base < size || base - region.base < region.size;
}

/** One guest access at `gpa`. Unhandled when no device answers there, or when it would pass the end of one. */
export function busAccess(guest: Guest, gpa: u64, access: Access): i32 {
  let at = guest.regions;
  for (let left = guest.regionCount; left != 0; left--) {
    const region = changetype<Region>(at);
    const offset = gpa - region.base;
    if (offset < region.size) {
      if (region.size - offset < access.width) return Unhandled;
      access.offset = offset;
      acquire(guest.lock);
      const answer = dispatch(guest, region, access);
      release(guest.lock);
      return answer;
    }
    at += offsetof<Region>();
  }
  return Unhandled;
}

function dispatch(guest: Guest, region: Region, access: Access): i32 {
  switch (region.kind) {
    case KIND_PLIC:
      return irqchipAccess(guest, access);
    case KIND_UART:
      return uartAccess(guest, region, access);
    case KIND_RTC:
      return clockAccess(guest, region, access);
    default:
      return Unhandled;
  }
}

function uartAccess(guest: Guest, region: Region, access: Access): i32 {
  const uart = changetype<Ns16550>(region.device);
  const answer = ns16550Access(uart, access);
  if (ringCount(uart.tx) != 0) {
    consoleGuestOutput(guest.console);
    ns16550Drained(uart);
  }
  moveLine(guest, region);
  return answer;
}

function clockAccess(guest: Guest, region: Region, access: Access): i32 {
  const rtc = changetype<GoldfishRtc>(region.device);
  const before = rtc.alarm;
  const answer = rtcAccess(rtc, access, nanoseconds(now()));
  if (rtc.alarm != before) setAlarm(region, rtc.alarm);
  moveLine(guest, region);
  return answer;
}
