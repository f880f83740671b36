// SPDX-License-Identifier: Apache-2.0
// One VirtIO device of the host's as its driver reaches it: over MMIO or over PCI, modern devices only. Records are made
// by find.ts at boot; drivers (console, block, net) set a device up with the functions here, in this order: virtioBegin,
// virtioInterrupts, queueMake (queue.ts), virtioGo. In traps: virtioCause, virtioBroken, virtioGiveUp. Never waits,
// except for a reset, and that with a limit. What a device answers is not believed where it could lead astray.
// @spec virtio 1.2 §3.1.1, §4.1, §4.2
import {
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_F_VERSION_1,
  VIRTIO_INTERRUPT_ACK,
  VIRTIO_INTERRUPT_STATUS,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_NOTIFY,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_NUM_MAX,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_STATUS,
  VIRTIO_STATUS_ACKNOWLEDGE,
  VIRTIO_STATUS_DRIVER,
  VIRTIO_STATUS_DRIVER_OK,
  VIRTIO_STATUS_FAILED,
  VIRTIO_STATUS_FEATURES_OK,
} from "../../dev/spec";
import * as hw from "../../hw";
import { HostMessage } from "../../arch/seam";
import { Status } from "../../lib/status";
import { hpaOf } from "../../mem/arena";
import { ownHostInterrupt, ownHostMessage } from "../interrupts";
import {
  PCI_COMMAND,
  PCI_COMMAND_INTX_OFF,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PCI_MSIX_ENABLE,
  PCI_MSIX_MASK_ALL,
  VIRTIO_CAUSE_QUEUE,
  VIRTIO_CONFIG_GENERATION,
  VIRTIO_F_ORDER,
  VIRTIO_F_PLATFORM,
  VIRTIO_PCI_CONFIG_VECTOR,
  VIRTIO_PCI_DEVICE_FEATURE_SELECT,
  VIRTIO_PCI_DRIVER_FEATURE_SELECT,
  VIRTIO_PCI_GENERATION,
  VIRTIO_PCI_QUEUE_DESC,
  VIRTIO_PCI_QUEUE_ENABLE,
  VIRTIO_PCI_QUEUE_NOTIFY_OFF,
  VIRTIO_PCI_QUEUE_SELECT,
  VIRTIO_PCI_QUEUE_SIZE,
  VIRTIO_PCI_QUEUE_VECTOR,
  VIRTIO_PCI_STATUS,
  VIRTIO_STATUS_NEEDS_RESET,
} from "./spec";

// ---- kind
export const VIA_MMIO: u32 = 0;
export const VIA_PCI: u32 = 1;

/** Looks at a device that resets. */
const PATIENCE: u32 = 100_000;
const NO_VECTOR: u32 = 0xffff;
/** What the status of a device reads that is not there any more. */
const GONE: u32 = 0xff;

@unmanaged
export class HostVirtio {
  /** hva of the registers (MMIO), or of the common configuration (PCI). */
  registers: u64 = 0;
  /** hva of the device's own configuration and its bytes. */
  config: u64 = 0;
  /** PCI: hva of the doorbells, of the interrupt status, of the configuration space and of the MSI-X table (0: none). */
  doorbells: u64 = 0;
  cause: u64 = 0;
  space: u64 = 0;
  table: u64 = 0;
  /** Features that were agreed on, by number. */
  features: u64 = 0;
  configBytes: u32 = 0;
  kind: u32 = 0;
  /** What it is: the DeviceID. */
  type: u32 = 0;
  /** PCI: bytes between doorbells, bytes of all, and where in the configuration space MSI-X is. */
  doorbellStep: u32 = 0;
  doorbellBytes: u32 = 0;
  msix: u32 = 0;
  /** Its line at the interrupt controller, 0 if none. */
  irq: u32 = 0;
  trigger: u32 = 0;
  /** 1: it interrupts by message. */
  messages: u32 = 0;
  /** PCI: bus, device and function, 16 bits; MMIO: the place among its kind. For people. */
  place: u32 = 0;
}

// @lock per boot: scratch.
const message: usize = memory.data(<i32>offsetof<HostMessage>(), 8);

/** Device status, all ones if the device is gone. */
export function virtioStatus(at: HostVirtio): u32 {
  return at.kind == VIA_MMIO
    ? hw.mmioRead32(at.registers + VIRTIO_STATUS)
    : hw.mmioRead8(at.registers + VIRTIO_PCI_STATUS);
}

function setStatus(at: HostVirtio, status: u32): void {
  if (at.kind == VIA_MMIO) hw.mmioWrite32(at.registers + VIRTIO_STATUS, status);
  else hw.mmioWrite8(at.registers + VIRTIO_PCI_STATUS, status);
}

function setCommand(at: HostVirtio, bits: u32): void {
  if (at.kind == VIA_PCI) hw.mmioWrite16(at.space + PCI_COMMAND, bits);
}

function reset(at: HostVirtio): bool {
  setStatus(at, 0);
  let status = virtioStatus(at);
  for (let looks: u32 = 0; status != 0 && (status & 0xff) != GONE && looks < PATIENCE; looks++)
    status = virtioStatus(at);
  return status == 0;
}

/**
 * Boot: resets the device and agrees on those of the features `wanted` (a set of their numbers) that it has; at.features
 * says which. Unsupported: it does not reset, is no modern device or does not agree. @spec virtio §3.1.1 steps 1 to 6
 */
export function virtioBegin(at: HostVirtio, wanted: u64): i32 {
  setCommand(at, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  if (!reset(at)) return Status.Unsupported;
  const status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
  setStatus(at, status);
  const modern = (<u64>1) << VIRTIO_F_VERSION_1;
  const platform = ((<u64>1) << VIRTIO_F_PLATFORM) | ((<u64>1) << VIRTIO_F_ORDER);
  at.features = offered(at) & (wanted | modern | platform);
  if (!(at.features & modern)) return Status.Unsupported;
  const mmio = at.kind == VIA_MMIO;
  const select = at.registers + (mmio ? VIRTIO_DRIVER_FEATURES_SEL : VIRTIO_PCI_DRIVER_FEATURE_SELECT);
  const word = mmio ? at.registers + VIRTIO_DRIVER_FEATURES : select + 4;
  for (let i: u32 = 0; i < 2; i++) {
    hw.mmioWrite32(select, i);
    hw.mmioWrite32(word, <u32>(at.features >> (i << 5)));
  }
  setStatus(at, status | VIRTIO_STATUS_FEATURES_OK);
  return virtioStatus(at) & VIRTIO_STATUS_FEATURES_OK ? Status.Ok : Status.Unsupported;
}

function offered(at: HostVirtio): u64 {
  const mmio = at.kind == VIA_MMIO;
  const select = at.registers + (mmio ? VIRTIO_DEVICE_FEATURES_SEL : VIRTIO_PCI_DEVICE_FEATURE_SELECT);
  const word = mmio ? at.registers + VIRTIO_DEVICE_FEATURES : select + 4;
  hw.mmioWrite32(select, 0);
  const low: u64 = hw.mmioRead32(word);
  hw.mmioWrite32(select, 1);
  return ((<u64>hw.mmioRead32(word)) << 32) | low;
}

/** Was the feature of that number agreed on? */
export function virtioHas(at: HostVirtio, feature: u32): bool {
  return ((at.features >> feature) & 1) != 0;
}

/** Boot, after virtioBegin: `handler` (index of an `(argument: usize) => void`) serves the device's interrupt. */
export function virtioInterrupts(at: HostVirtio, handler: u32, argument: usize): i32 {
  if (at.table != 0 && useMessage(at, handler, argument)) return Status.Ok;
  if (at.irq == 0) return Status.NotFound;
  return ownHostInterrupt(at.irq, at.trigger, handler, argument);
}

/** One vector of MSI-X for everything. @spec virtio §4.1.5.1.2, PCI 3.0 §6.8.2 */
function useMessage(at: HostVirtio, handler: u32, argument: usize): bool {
  const what = changetype<HostMessage>(message);
  if (ownHostMessage(what, handler, argument) != Status.Ok) return false;
  hw.mmioWrite32(at.table, <u32>what.address);
  hw.mmioWrite32(at.table + 4, <u32>(what.address >> 32));
  hw.mmioWrite32(at.table + 8, what.data);
  hw.mmioWrite32(at.table + 12, 0);
  const control = at.space + at.msix + 2;
  hw.mmioWrite16(control, (hw.mmioRead16(control) & ~PCI_MSIX_MASK_ALL) | PCI_MSIX_ENABLE);
  setCommand(at, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
  hw.mmioWrite16(at.registers + VIRTIO_PCI_CONFIG_VECTOR, 0);
  at.messages = u32(hw.mmioRead16(at.registers + VIRTIO_PCI_CONFIG_VECTOR) == 0);
  if (!at.messages) hw.mmioWrite16(control, 0);
  return at.messages != 0;
}

/** Boot: the device may work from now on. @spec virtio §3.1.1 step 8 */
export function virtioGo(at: HostVirtio): void {
  setStatus(at, virtioStatus(at) | VIRTIO_STATUS_DRIVER_OK);
}

/** Any context: the device is not used any more. Resets it and takes memory from it, so that it leaves ours alone. */
export function virtioGiveUp(at: HostVirtio): void {
  if (reset(at)) setStatus(at, VIRTIO_STATUS_FAILED);
  setCommand(at, PCI_COMMAND_INTX_OFF);
}

/** Trap: acknowledges; answers VIRTIO_CAUSE_* bits, 0 if it was another device of the same line. @spec virtio §4.2.3.4 */
export function virtioCause(at: HostVirtio): u32 {
  if (at.messages) return VIRTIO_CAUSE_QUEUE;
  if (at.kind == VIA_PCI) return hw.mmioRead8(at.cause);
  const bits = hw.mmioRead32(at.registers + VIRTIO_INTERRUPT_STATUS);
  if (bits) hw.mmioWrite32(at.registers + VIRTIO_INTERRUPT_ACK, bits);
  return bits;
}

/** Does the device ask for a reset, or is it gone, or not what it was? */
export function virtioBroken(at: HostVirtio): bool {
  return (virtioStatus(at) & (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_DRIVER_OK)) != VIRTIO_STATUS_DRIVER_OK;
}

/** Changes when the configuration does: read it before and after fields that belong together. @spec virtio §2.5.2 */
export function configGeneration(at: HostVirtio): u32 {
  return at.kind == VIA_MMIO
    ? hw.mmioRead32(at.registers + VIRTIO_CONFIG_GENERATION)
    : hw.mmioRead8(at.registers + VIRTIO_PCI_GENERATION);
}

/** Fields of the configuration at byte `offset`; 0 beyond its end. */
export function config8(at: HostVirtio, offset: u32): u32 {
  return offset + 1 <= at.configBytes ? hw.mmioRead8(at.config + offset) : 0;
}

export function config16(at: HostVirtio, offset: u32): u32 {
  return offset + 2 <= at.configBytes ? hw.mmioRead16(at.config + offset) : 0;
}

export function config32(at: HostVirtio, offset: u32): u32 {
  return offset + 4 <= at.configBytes ? hw.mmioRead32(at.config + offset) : 0;
}

// ---- Queues, for queue.ts.

/** Where in the rings of a queue of `size` entries the available ring is, behind the descriptors. */
export function ringAvailable(size: u32): u32 {
  return size << 4;
}

/** Where the used ring is. */
export function ringUsed(size: u32): u32 {
  return ((size << 4) + (size << 1) + 6 + 3) & ~3;
}

/** Bytes of all rings, with the words for the event index. */
export function ringBytes(size: u32): u32 {
  return (ringUsed(size) + (size << 3) + 6 + 15) & ~15;
}

/** Boot: most entries of queue `number`, which is selected from now on; 0 if there is no such queue to be had. */
export function virtioQueueMost(at: HostVirtio, number: u32): u32 {
  if (at.kind == VIA_MMIO) {
    hw.mmioWrite32(at.registers + VIRTIO_QUEUE_SEL, number);
    return hw.mmioRead32(at.registers + VIRTIO_QUEUE_READY) ? 0 : hw.mmioRead32(at.registers + VIRTIO_QUEUE_NUM_MAX);
  }
  hw.mmioWrite16(at.registers + VIRTIO_PCI_QUEUE_SELECT, number);
  if (hw.mmioRead16(at.registers + VIRTIO_PCI_QUEUE_ENABLE)) return 0;
  return hw.mmioRead16(at.registers + VIRTIO_PCI_QUEUE_SIZE);
}

/**
 * Boot: starts the queue that was selected last with `size` entries and its rings at the linear address `rings`. Answers
 * the hva of its doorbell, 0 if the device does not take it. @spec virtio §4.2.3.2, §4.1.5.1.3
 */
export function virtioQueueStart(at: HostVirtio, size: u32, rings: usize): u64 {
  const mmio = at.kind == VIA_MMIO;
  const areas = at.registers + (mmio ? VIRTIO_QUEUE_DESC_LOW : VIRTIO_PCI_QUEUE_DESC);
  const step: u64 = mmio ? 16 : 8;
  writeAddress(areas, rings);
  writeAddress(areas + step, rings + ringAvailable(size));
  writeAddress(areas + 2 * step, rings + ringUsed(size));
  hw.fence();
  if (mmio) {
    hw.mmioWrite32(at.registers + VIRTIO_QUEUE_NUM, size);
    hw.mmioWrite32(at.registers + VIRTIO_QUEUE_READY, 1);
    return at.registers + VIRTIO_QUEUE_NOTIFY;
  }
  hw.mmioWrite16(at.registers + VIRTIO_PCI_QUEUE_SIZE, size);
  const vector = at.messages ? 0 : NO_VECTOR;
  hw.mmioWrite16(at.registers + VIRTIO_PCI_QUEUE_VECTOR, vector);
  if (hw.mmioRead16(at.registers + VIRTIO_PCI_QUEUE_VECTOR) != vector) return 0;
  const offset = <u64>hw.mmioRead16(at.registers + VIRTIO_PCI_QUEUE_NOTIFY_OFF) * at.doorbellStep;
  if (offset + 2 > at.doorbellBytes || offset & 1) return 0;
  hw.mmioWrite16(at.registers + VIRTIO_PCI_QUEUE_ENABLE, 1);
  return at.doorbells + offset;
}

function writeAddress(register: u64, at: usize): void {
  const hpa = hpaOf(at);
  hw.mmioWrite32(register, <u32>hpa);
  hw.mmioWrite32(register + 4, <u32>(hpa >> 32));
}
