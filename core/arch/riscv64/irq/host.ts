// SPDX-License-Identifier: Apache-2.0
// The door to the host's interrupt controller, whichever it is. hostIrqInit runs once on the boot hart, hostIrqInitHart
// on every hart, the rest at boot and from traps. Sources are numbered as the controller numbers them; 0 is none. An
// interrupt goes to one hart: the boot hart until it is routed elsewhere.
import * as hw from "../../../hw";
import { thisHart } from "../../../host/hart";
import { acquire, Lock, lockInit, RANK_MEMORY, release } from "../../../lib/lock";
import { Status } from "../../../lib/status";
import { MAX_HARTS } from "../../../limits";
import { CSR_SIE, SIE_SEIE } from "../csr";
import {
  aplicActivate,
  aplicClaim,
  aplicDisable,
  aplicEnable,
  aplicInit,
  aplicInitHart,
  aplicRetrigger,
  aplicRoute,
} from "./aplic";
import { imsicClaim, imsicDisable, imsicEnable, imsicInitHart } from "./imsic";
import { HOST_IRQ_APLIC, HOST_IRQ_IMSIC, HOST_IRQ_NONE, HOST_IRQ_PLIC, hostIrqHartById, HostIrqInfo } from "./info";
import { plicClaim, plicComplete, plicDisable, plicEnable, plicInit, plicInitContext } from "./plic";
import {
  APLIC_MAX_SOURCES,
  APLIC_SOURCECFG_SM_EDGE0,
  APLIC_SOURCECFG_SM_EDGE1,
  APLIC_SOURCECFG_SM_LEVEL0,
  APLIC_SOURCECFG_SM_LEVEL1,
} from "./spec";

// ---- Trigger flags, as device trees write them in an interrupt's second cell; 0 means a high level.
export const TRIGGER_EDGE_RISING: u32 = 1;
export const TRIGGER_EDGE_FALLING: u32 = 2;
export const TRIGGER_LEVEL_HIGH: u32 = 4;
export const TRIGGER_LEVEL_LOW: u32 = 8;

const NO_NUMBER: u32 = u32.MAX_VALUE;

/** A message that interrupts a hart: a device writes `data`, 32 bits, to `address`. */
@unmanaged
export class HostMessage {
  address: u64 = 0;
  data: u32 = 0;
  /** What claimHostInterrupt answers for it. */
  irq: u32 = 0;
}

// @lock per boot: written by the boot hart (`numbers`: each hart its own) before interrupts flow.
let kind: u32 = HOST_IRQ_NONE;
let sources: u32 = 0;
let infoPtr: usize = 0;
/** The controller's number for each hart index. */
const numbers: usize = memory.data(<i32>(MAX_HARTS * sizeof<u32>()), 8);
/** Per source: 1 + index of the hart it goes to (0 when off), and its trigger flags. Guarded by `lock`. */
const routes: usize = memory.data(<i32>APLIC_MAX_SOURCES);
const triggers: usize = memory.data(<i32>APLIC_MAX_SOURCES);
const lock: usize = memory.data(16, 8);
/** Messages that were given out. */
let messages: u32 = 0;

/** Boot hart: takes the controller over and silences it. */
export function hostIrqInit(info: HostIrqInfo): i32 {
  kind = HOST_IRQ_NONE;
  if (info.kind == HOST_IRQ_NONE) return Status.NotFound;
  if (info.sources == 0 || info.sources >= APLIC_MAX_SOURCES) return Status.Range;
  const hva = hw.mapDevice(info.hpa, info.size);
  if (hva == 0) return Status.NoMemory;
  lockInit(changetype<Lock>(lock), RANK_MEMORY);
  sources = info.sources;
  infoPtr = changetype<usize>(info);
  memory.fill(numbers, 0xff, <usize>MAX_HARTS * sizeof<u32>());
  if (info.kind == HOST_IRQ_PLIC) plicInit(hva, sources);
  else aplicInit(hva, sources, info.kind == HOST_IRQ_IMSIC ? 1 : 0);
  kind = info.kind;
  return Status.Ok;
}

/** Each hart: makes the controller deliver to it. NotFound if the controller does not know this hart. */
export function hostIrqInitHart(): i32 {
  if (kind == HOST_IRQ_NONE) return Status.NotFound;
  const hart = thisHart();
  const info = changetype<HostIrqInfo>(infoPtr);
  const entry = hostIrqHartById(info, hart.id);
  if (changetype<usize>(entry) == 0 || hart.index >= MAX_HARTS) return Status.NotFound;
  store<u32>(numbers + ((<usize>hart.index) << 2), entry.number);
  if (kind == HOST_IRQ_PLIC) plicInitContext(entry.number);
  else if (kind == HOST_IRQ_APLIC) aplicInitHart(entry.number);
  else initIdentities(info);
  hw.csrSet(CSR_SIE, SIE_SEIE);
  return Status.Ok;
}

/** Every wired source's message is welcome on every hart; where a source goes, and whether, is the APLIC's affair. */
function initIdentities(info: HostIrqInfo): void {
  imsicInitHart(info.identities);
  for (let id: u32 = 1; id <= sources && id <= info.identities; id++) imsicEnable(id);
}

function numberOf(hartIndex: u32): u32 {
  return hartIndex < MAX_HARTS ? load<u32>(numbers + ((<usize>hartIndex) << 2)) : NO_NUMBER;
}

/** Lets source `irq` interrupt this hart; `flags` is one of TRIGGER_*, or 0. */
export function enableHostInterrupt(irq: u32, flags: u32): i32 {
  if (irq == 0 || irq > sources || kind == HOST_IRQ_NONE) return Status.Range;
  disableHostInterrupt(irq);
  store<u8>(triggers + irq, <u8>flags);
  return routeHostInterrupt(irq, thisHart().index);
}

/** Sends source `irq` to another hart from now on (affinity); enables it there. */
export function routeHostInterrupt(irq: u32, hartIndex: u32): i32 {
  if (irq == 0 || irq > sources || kind == HOST_IRQ_NONE) return Status.Range;
  if (kind == HOST_IRQ_IMSIC && irq > changetype<HostIrqInfo>(infoPtr).identities) return Status.Unsupported;
  const number = numberOf(hartIndex);
  if (number == NO_NUMBER) return Status.NotFound;
  acquire(changetype<Lock>(lock));
  const before: u32 = load<u8>(routes + irq);
  if (kind == HOST_IRQ_PLIC) {
    if (before != 0 && before != hartIndex + 1) plicDisable(irq, numberOf(before - 1));
    plicEnable(irq, number);
  } else {
    if (before == 0) aplicActivate(irq, sourceMode(load<u8>(triggers + irq)));
    aplicRoute(irq, number, kind == HOST_IRQ_IMSIC ? irq : 1);
    if (before == 0) aplicEnable(irq);
    if (kind == HOST_IRQ_IMSIC && !isEdge(load<u8>(triggers + irq))) aplicRetrigger(irq);
  }
  store<u8>(routes + irq, <u8>(hartIndex + 1));
  release(changetype<Lock>(lock));
  return Status.Ok;
}

/** Boot: a message of its own for one interrupt of a device, to this hart. Unsupported: the host takes none; Limit: no more. */
export function allocateHostMessage(message: HostMessage): i32 {
  if (kind != HOST_IRQ_IMSIC) return Status.Unsupported;
  const info = changetype<HostIrqInfo>(infoPtr);
  const hart = hostIrqHartById(info, thisHart().id);
  const id = sources + 1 + messages;
  if (changetype<usize>(hart) == 0 || id > info.identities) return Status.Limit;
  messages += 1;
  message.address = hart.file;
  message.data = id;
  message.irq = id;
  imsicEnable(id);
  return Status.Ok;
}

/** Silences source `irq` (an interrupt that nobody owns, a device that is given away). */
export function disableHostInterrupt(irq: u32): void {
  if (irq == 0 || kind == HOST_IRQ_NONE) return;
  if (irq > sources) {
    if (kind == HOST_IRQ_IMSIC) imsicDisable(irq);
    return;
  }
  acquire(changetype<Lock>(lock));
  const before: u32 = load<u8>(routes + irq);
  if (before != 0) {
    if (kind == HOST_IRQ_PLIC) plicDisable(irq, numberOf(before - 1));
    else aplicDisable(irq);
    store<u8>(routes + irq, 0);
  }
  release(changetype<Lock>(lock));
}

/** Claims the source that interrupts this hart; 0 means it was spurious. */
export function claimHostInterrupt(): u32 {
  if (kind == HOST_IRQ_IMSIC) return imsicClaim();
  const number = numberOf(thisHart().index);
  if (number == NO_NUMBER) return 0;
  if (kind == HOST_IRQ_PLIC) return plicClaim(number);
  return kind == HOST_IRQ_APLIC ? aplicClaim(number) : 0;
}

/**
 * The claimed source was served. A PLIC ignores a completion by a context for which the source is not enabled, so it
 * is made where the source goes now, in case it was routed elsewhere meanwhile.
 */
export function completeHostInterrupt(irq: u32): void {
  if (irq == 0 || irq > sources) return;
  if (kind == HOST_IRQ_PLIC) {
    const route: u32 = load<u8>(routes + irq);
    plicComplete(irq, numberOf(route != 0 ? route - 1 : thisHart().index));
  } else if (kind == HOST_IRQ_IMSIC && !isEdge(load<u8>(triggers + irq))) {
    aplicRetrigger(irq);
  }
}

/** HOST_IRQ_* of the controller in use. */
export function hostIrqKind(): u32 {
  return kind;
}

/** The controller in use, in a word. */
export function hostIrqName(): string {
  if (kind == HOST_IRQ_PLIC) return "plic";
  if (kind == HOST_IRQ_APLIC) return "aplic";
  return kind == HOST_IRQ_IMSIC ? "aplic-imsic" : "none";
}

function isEdge(flags: u32): bool {
  return (flags & (TRIGGER_EDGE_RISING | TRIGGER_EDGE_FALLING)) != 0;
}

function sourceMode(flags: u32): u32 {
  if ((flags & TRIGGER_EDGE_RISING) != 0) return APLIC_SOURCECFG_SM_EDGE1;
  if ((flags & TRIGGER_EDGE_FALLING) != 0) return APLIC_SOURCECFG_SM_EDGE0;
  return (flags & TRIGGER_LEVEL_LOW) != 0 ? APLIC_SOURCECFG_SM_LEVEL0 : APLIC_SOURCECFG_SM_LEVEL1;
}
