// SPDX-License-Identifier: Apache-2.0
// The slot of a root port: whether there is a card, power, link, and the events that make a guest look. Slot control
// (low half) and status (high half) are one word that guest and hypervisor change with atomics: the guest in trap
// context, whoever plugs in worker context. Commands are done at once, so that no guest waits for one.
// @spec pcie 5.0 §6.7, §7.5.3
import * as hw from "../../hw";
import { configWord, PciFunction } from "./function";
import {
  EXPRESS_LINK_CONTROL,
  EXPRESS_LINK_OFF,
  EXPRESS_LINK_SPEED,
  EXPRESS_LINK_STATUS,
  EXPRESS_LINK_UP,
  EXPRESS_SLOT_CONTROL,
  SLOT_CONTROL_BITS,
  SLOT_CONTROL_INTERRUPT,
  SLOT_CONTROL_LINK,
  SLOT_CONTROL_OFF,
  SLOT_EVENT_BUTTON,
  SLOT_EVENT_LINK,
  SLOT_EVENT_PRESENCE,
  SLOT_EVENTS,
  SLOT_PRESENT,
} from "./spec";

function word(port: PciFunction): usize {
  return port.config + port.express + EXPRESS_SLOT_CONTROL;
}

/** After power-on: what is plugged in is there, powered, and no event says so. */
export function portPlugged(port: PciFunction): void {
  store<u32>(word(port), port.child ? SLOT_PRESENT << 16 : 0);
  link(port);
}

/** 1 while an event waits that the guest wants to be interrupted for. */
export function portInterrupts(port: PciFunction): u32 {
  const state = hw.atomicLoad(word(port));
  if ((state & SLOT_CONTROL_INTERRUPT) == 0) return 0;
  const byBit = (state >> 16) & state & (SLOT_EVENT_BUTTON | SLOT_EVENT_PRESENCE);
  return u32(byBit != 0 || ((state >> 16) & SLOT_EVENT_LINK && state & SLOT_CONTROL_LINK));
}

/** Whether the card behind the port answers: it is there, has power, and the link is not disabled. */
export function isUp(port: PciFunction): bool {
  return (configWord(port, port.express + EXPRESS_LINK_STATUS) & EXPRESS_LINK_UP) != 0;
}

/** Whether the guest switched the slot off. */
export function isPoweredOff(port: PciFunction): bool {
  return (hw.atomicLoad(word(port)) & SLOT_CONTROL_OFF) != 0;
}

/** Whether the guest wants to hear of events at all. */
export function isWatched(port: PciFunction): bool {
  return (hw.atomicLoad(word(port)) & SLOT_CONTROL_INTERRUPT) != 0;
}

/** Link status follows presence, power and link control. Answers whether it changed. */
function link(port: PciFunction): bool {
  const state = hw.atomicLoad(word(port));
  const off = state & SLOT_CONTROL_OFF || configWord(port, port.express + EXPRESS_LINK_CONTROL) & EXPRESS_LINK_OFF;
  const up: u32 = state & (SLOT_PRESENT << 16) && !off ? EXPRESS_LINK_UP : 0;
  const at = port.config + port.express + EXPRESS_LINK_STATUS;
  if (((<u32>load<u16>(at)) & EXPRESS_LINK_UP) == up) return false;
  store<u16>(at, <u16>(EXPRESS_LINK_SPEED | up));
  return true;
}

/** Something that decides on the link may have changed. */
export function followLink(port: PciFunction): void {
  if (link(port)) hw.atomicOr(word(port), SLOT_EVENT_LINK << 16);
}

/** A guest's write to slot control and status: `value` where `bits` are 1. */
export function writeSlot(port: PciFunction, value: u32, bits: u32): void {
  const control = bits & SLOT_CONTROL_BITS;
  hw.atomicAnd(word(port), ~(value & bits & (SLOT_EVENTS << 16)) & ~(control & ~value));
  hw.atomicOr(word(port), value & control);
  followLink(port);
}

/** A card came or went: the port says so, and presses the button, which wakes guests that only listen to that. */
export function plugEvent(port: PciFunction): void {
  const events = (SLOT_EVENT_PRESENCE | SLOT_EVENT_BUTTON) << 16;
  if (port.child) hw.atomicOr(word(port), (SLOT_PRESENT << 16) | events);
  else hw.atomicAnd(word(port), ~(SLOT_PRESENT << 16));
  if (!port.child) hw.atomicOr(word(port), SLOT_EVENT_PRESENCE << 16);
  followLink(port);
}

/** Presses the attention button: the guest is asked to let the card go. */
export function pressButton(port: PciFunction): void {
  hw.atomicOr(word(port), SLOT_EVENT_BUTTON << 16);
}
