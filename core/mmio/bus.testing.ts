// SPDX-License-Identifier: Apache-2.0
// What the bus's tests need besides its interface: a guest with its devices in linear memory, and fields by name.
// Compiled only into test modules; no part of the hypervisor imports it.
import { initIrqchip, newIrqchip, now } from "../arch/seam";
import { GoldfishRtc, rtcInit } from "../dev/goldfish-rtc";
import { Ns16550, ns16550Init } from "../dev/ns16550";
import { Guest } from "../guest/guest";
import { Vcpu } from "../guest/vcpu";
import { attachConsole, makeConsole, onConsole } from "../host/console";
import { newHart } from "../host/harts";
import { outputInit, setOutputFocus } from "../host/output";
import { Timer } from "../host/timers";
import { Lock, lockInit, RANK_GUEST } from "../lib/lock";
import { allocate, arenaInit } from "../mem/arena";
import { schedInit } from "../sched/sched";
import { busAdd } from "./bus";
import { consoleEvent } from "./events";
import { busBytes, Region } from "./region";

export { consoleGuestInput, consoleGuestOutput } from "../host/console";
export { timersExpire, timersNext } from "../host/timers";
export { busAccess, busAdd, busPeek } from "./bus";
export { busReset, busStop } from "./events";
export { now };

export const LEVEL: u32 = offsetof<Vcpu>("externalLevel");
export const REGIONS: u32 = offsetof<Guest>("regionCount");
export const CONSOLE: u32 = offsetof<Guest>("console");

/** Linear memory [from, to) becomes the arena. Answers the record of the one hart there is. */
export function testSetup(from: usize, to: usize): usize {
  arenaInit(from, to);
  const hart = newHart(100);
  schedInit(1);
  outputInit();
  return changetype<usize>(hart);
}

/** A guest with RAM at [ramBase, ramBase + ramSize), `vcpus` vCPUs and every device, none of them on the bus yet. */
export function testGuest(ramBase: u64, ramSize: u64, vcpus: u32): usize {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  const lock = changetype<Lock>(allocate(offsetof<Lock>()));
  lockInit(lock, RANK_GUEST);
  guest.lock = lock;
  guest.ramBase = ramBase;
  guest.ramSize = ramSize;
  guest.vcpuCount = vcpus;
  guest.vcpus = allocate(vcpus * sizeof<usize>());
  for (let i: u32 = 0; i < vcpus; i++) {
    const vcpu = allocate(offsetof<Vcpu>());
    changetype<Vcpu>(vcpu).index = i;
    store<usize>(guest.vcpus + i * sizeof<usize>(), vcpu);
  }
  guest.regions = allocate(busBytes());
  guest.irqchip = newIrqchip(vcpus);
  initIrqchip(guest.irqchip, vcpus, 31);
  guest.console = makeConsole(1);
  guest.name = allocate(8);
  attachConsole(guest.console, guest.name, lock, changetype<usize>(guest));
  onConsole(guest.console, changetype<u32>(consoleEvent.index));
  guest.uart = allocate(offsetof<Ns16550>());
  ns16550Init(changetype<Ns16550>(guest.uart), guest.console.tx, guest.console.rx);
  guest.rtc = allocate(offsetof<GoldfishRtc>());
  rtcInit(changetype<GoldfishRtc>(guest.rtc), 0);
  setOutputFocus(2); // Another guest is shown: output goes to the scroll-back without a host UART.
  return changetype<usize>(guest);
}

/** busAdd with the device of that kind of this guest. */
export function testAdd(guest: Guest, base: u64, size: u64, kindAndIrq: u32): i32 {
  const region = changetype<Region>(allocate(offsetof<Region>()));
  region.base = base;
  region.size = size;
  region.kind = kindAndIrq & 0xff;
  region.irq = kindAndIrq >> 8;
  region.device = region.kind == 1 ? guest.irqchip : region.kind == 2 ? guest.uart : guest.rtc;
  if (region.kind == 3) region.timer = allocate(offsetof<Timer>());
  return busAdd(guest, region);
}

export function vcpuOf(guest: Guest, index: u32): usize {
  return load<usize>(guest.vcpus + index * sizeof<usize>());
}
export function lockOf(guest: Guest): usize {
  return changetype<usize>(guest.lock);
}
export function txOf(guest: Guest): usize {
  return changetype<usize>(guest.console.tx);
}
export function scrollOf(guest: Guest): usize {
  return changetype<usize>(guest.console.scroll);
}
