// SPDX-License-Identifier: Apache-2.0
// The machine that every guest sees: where its devices are and which line each drives. The same places as QEMU's
// `virt` board, so that trees and kernels made for it fit. Furnished when a guest takes a slot; reset when it restarts.
import { defaultInterrupts, makeIrqchip } from "../arch/seam";
import { GoldfishRtc, rtcInit } from "../dev/goldfish-rtc";
import { Ns16550, ns16550Init } from "../dev/ns16550";
import { attachConsole, onConsole } from "../host/console";
import { wallClockBase } from "../host/wall-clock";
import { Status } from "../lib/status";
import { busAdd } from "../mmio/bus";
import { consoleEvent } from "../mmio/events";
import { busBytes, KIND_APLIC, KIND_IMSIC, KIND_PLIC, KIND_RTC, KIND_UART, Region } from "../mmio/region";
import { Description, INTERRUPTS_AIA } from "./description";
import { Guest } from "./guest";

export const RAM_BASE: u64 = 0x8000_0000;
export const RTC_BASE: u64 = 0x10_1000;
export const RTC_SIZE: u64 = 0x1000;
export const RTC_IRQ: u32 = 11;
export const PLIC_BASE: u64 = 0x0c00_0000;
export const PLIC_SIZE: u64 = 0x60_0000;
/** As few lines as the devices need: a kernel touches three registers for each at boot. With PCI: INTA to INTD, 32 to 35. */
const LINES: u32 = 11;
const LINES_WITH_PCI: u32 = 35;
/** Interrupt files of vCPUs, a page each, and what makes messages of lines: for guests with INTERRUPTS_AIA. */
export const IMSIC_BASE: u64 = 0x2800_0000;
export const IMSIC_STRIDE: u64 = 0x1000;
export const APLIC_BASE: u64 = 0x0d00_0000;
export const APLIC_SIZE: u64 = 0x8000;
export const UART_BASE: u64 = 0x1000_0000;
export const UART_SIZE: u64 = 0x100;
export const UART_IRQ: u32 = 10;
/** VirtIO over MMIO: slot n at base + n * stride, on line 1 + n. */
export const VIRTIO_MMIO_BASE: u64 = 0x1000_1000;
export const VIRTIO_MMIO_SIZE: u64 = 0x1000;
export const UART_CLOCK: u32 = 3_686_400;

// @lock creation
const region: usize = memory.data(64, 8);

/** Puts the slot's devices into their places, as after power-on, and a fresh console behind the UART. */
export function makeBoard(guest: Guest): i32 {
  guest.regionCount = 0;
  memory.fill(guest.regions, 0, busBytes());
  const description = changetype<Description>(guest.description);
  guest.interrupts = description.interrupts ? description.interrupts : defaultInterrupts(description.pci);
  guest.lines = description.pci ? LINES_WITH_PCI : LINES;
  const status = makeIrqchip(guest);
  if (status != Status.Ok) return status;
  attachConsole(guest.console, guest.name, guest.lock, changetype<usize>(guest));
  onConsole(guest.console, changetype<u32>(consoleEvent.index));
  ns16550Init(changetype<Ns16550>(guest.uart), guest.console.tx, guest.console.rx);
  rtcInit(changetype<GoldfishRtc>(guest.rtc), wallClockBase());
  return placeAll(guest);
}

/** Those that are asked most stand first. */
function placeAll(guest: Guest): i32 {
  let status = place(guest, UART_BASE, UART_SIZE, KIND_UART, UART_IRQ, guest.uart, 0);
  if (status == Status.Ok) status = placeIrqchip(guest);
  if (status == Status.Ok) status = place(guest, RTC_BASE, RTC_SIZE, KIND_RTC, RTC_IRQ, guest.rtc, guest.rtcTimer);
  return status;
}

function placeIrqchip(guest: Guest): i32 {
  if (guest.interrupts != INTERRUPTS_AIA) return place(guest, PLIC_BASE, PLIC_SIZE, KIND_PLIC, 0, guest.irqchip, 0);
  const files = IMSIC_STRIDE * guest.vcpuCount;
  const status = place(guest, IMSIC_BASE, files, KIND_IMSIC, 0, guest.messages, 0);
  return status == Status.Ok ? place(guest, APLIC_BASE, APLIC_SIZE, KIND_APLIC, 0, guest.messages, 0) : status;
}

function place(guest: Guest, base: u64, size: u64, kind: u32, irq: u32, device: usize, timer: usize): i32 {
  const at = changetype<Region>(region);
  at.base = base;
  at.size = size;
  at.kind = kind;
  at.irq = irq;
  at.device = device;
  at.timer = timer;
  return busAdd(guest, at);
}
