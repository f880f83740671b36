// SPDX-License-Identifier: Apache-2.0
// A guest's devices by guest-physical address. The table is filled when the guest is made and fixed from then on; each
// access of a vCPU that stage 2 does not map comes here in trap context. The device sees only its own offset; what it
// wants of the world (its interrupt line, its output, its alarm) is passed on here, with the guest's lock held.
import { aplicRegister, fileRegister, irqchipAccess, irqchipPeek, now } from "../arch/seam";
import { GoldfishRtc, rtcAccess } from "../dev/goldfish-rtc";
import { Ns16550, ns16550Access, ns16550Drained, ns16550Peek } from "../dev/ns16550";
import { pciConfigAccess } from "../dev/pci/config";
import { PciHost } from "../dev/pci/function";
import { pciWindowAccess } from "../dev/pci/window";
import { VirtioDevice } from "../dev/virtio/device";
import { mmioAccess } from "../dev/virtio/mmio";
import { Guest } from "../guest/guest";
import { nanoseconds } from "../host/clock";
import { consoleGuestOutput } from "../host/console";
import { acquire, release } from "../lib/lock";
import { ringCount } from "../lib/ring";
import { Status } from "../lib/status";
import { Access, Unhandled } from "./access";
import { alarmInit, moveLine, setAlarm } from "./events";
import {
  KIND_APLIC,
  KIND_IMSIC,
  KIND_PCI_CONFIG,
  KIND_PCI_WINDOW,
  KIND_PLIC,
  KIND_RTC,
  KIND_UART,
  KIND_VIRTIO,
  MAX_REGIONS,
  Region,
  regionAt,
} from "./region";

/**
 * Adds a copy of `region` to the guest's table; those added first are found fastest. Busy when it would overlap RAM or
 * another region or share a line, Range when it wraps, Limit when the table is full, Invalid unless it begins and ends
 * at multiples of 8.
 */
export function busAdd(guest: Guest, region: Region): i32 {
  if (region.size == 0 || ((region.base | region.size) & 7) != 0) return Status.Invalid;
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

/**
 * What a load at `gpa` answers if it has no effect on the device, so that it needs neither lock nor Access; -1 if
 * busAccess must do it. Most loads of a running guest end here.
 */
export function busPeek(guest: Guest, gpa: u64, width: u32): i64 {
  let at = guest.regions;
  for (let left = guest.regionCount; left != 0; left--) {
    const region = changetype<Region>(at);
    const offset = gpa - region.base;
    if (offset < region.size) {
      if (region.kind == KIND_UART) return ns16550Peek(changetype<Ns16550>(region.device), offset, width);
      return region.kind == KIND_PLIC ? irqchipPeek(guest, offset, width) : -1;
    }
    at += offsetof<Region>();
  }
  return -1;
}

/** One guest access at `gpa`. Unhandled when no device answers there, or when it would pass the end of one. */
export function busAccess(guest: Guest, gpa: u64, access: Access): i32 {
  let at = guest.regions;
  for (let left = guest.regionCount; left != 0; left--) {
    const region = changetype<Region>(at);
    const offset = gpa - region.base;
    if (offset < region.size) return regionAccess(guest, region, offset, access);
    at += offsetof<Region>();
  }
  return Unhandled;
}

/** Regions begin and end at multiples of 8, so an access that is aligned lies in one whole. */
function regionAccess(guest: Guest, region: Region, offset: u64, access: Access): i32 {
  if (((<u32>offset) & (access.width - 1)) != 0) return Unhandled;
  access.offset = offset;
  if (region.kind >= KIND_VIRTIO) return unlockedAccess(guest, region, access);
  acquire(guest.lock);
  const answer = region.kind == KIND_PLIC ? irqchipAccess(guest, access) : deviceAccess(guest, region, access);
  release(guest.lock);
  return answer;
}

/** Regions with locks of their own. */
function unlockedAccess(guest: Guest, region: Region, access: Access): i32 {
  switch (region.kind) {
    case KIND_VIRTIO:
      return mmioAccess(changetype<VirtioDevice>(region.device), access);
    case KIND_PCI_WINDOW:
      return pciWindowAccess(changetype<PciHost>(region.device), access);
    case KIND_PCI_CONFIG:
      return pciConfigAccess(changetype<PciHost>(region.device), access);
    case KIND_APLIC:
      return aplicRegister(guest, access);
    case KIND_IMSIC:
      return fileRegister(guest, access);
    default:
      return Unhandled;
  }
}

function deviceAccess(guest: Guest, region: Region, access: Access): i32 {
  switch (region.kind) {
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
    guest.console.input = uart.rx;
    consoleGuestOutput(guest.console);
    ns16550Drained(uart);
  }
  if (uart.level != uart.driven) moveLine(guest, region);
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
