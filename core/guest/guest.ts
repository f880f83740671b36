// SPDX-License-Identifier: Apache-2.0
// A guest: what it owns (memory, vCPUs, devices) and what it was told to be (its description). Its record and all that
// hangs on it belong to a slot (slot.ts), which the next guest uses again. Made by create.ts, changed by lifecycle.ts.
// Fields above the line are fixed while the guest exists; those below are guarded by the guest's lock.
import { Lock } from "../lib/lock";
import { Console } from "../host/console";

export { MAX_GUESTS, MAX_RANGES, MAX_VCPUS, NAME_LENGTH } from "../limits";

// ---- state
export const GUEST_EMPTY: u32 = 0;
/** It has everything but was never started. */
export const GUEST_CREATED: u32 = 1;
export const GUEST_RUNNING: u32 = 2;
export const GUEST_PAUSED: u32 = 3;
/** Its memory is being cleared for a fresh start. */
export const GUEST_RESTARTING: u32 = 4;
/** It asked to power off, was powered off, or could not be started. */
export const GUEST_SHUTDOWN: u32 = 5;
/** Stopped by the hypervisor; the crash record says why. */
export const GUEST_CRASHED: u32 = 6;
/** Kernel and ramdisk are being copied to their places. */
export const GUEST_LOADING: u32 = 7;

@unmanaged
export class Guest {
  /** Index in the guest table; the guest's number for people is id + 1 (0 is the host). */
  id: u32 = 0;
  /** vCPUs that it has. */
  vcpuCount: u32 = 0;
  /** Linear address of a NUL-terminated printable name. */
  name: usize = 0;
  /** Linear address of MAX_VCPUS pointers to Vcpu; those from vcpuCount on belong to the slot's former guests. */
  vcpus: usize = 0;
  /** Guest RAM as the guest sees it. */
  ramBase: u64 = 0;
  ramSize: u64 = 0;
  /** Linear address of MAX_RANGES RamRange records (memory.ts). */
  ranges: usize = 0;
  rangeCount: u32 = 0;
  /** Stage 2: linear address of the root table. */
  stage2Root: u32 = 0;
  /** Virtual machine id and the generation it belongs to (vmid.ts). */
  vmid: u32 = 0;
  vmidGeneration: u32 = 0;
  /** Linear address of one byte per host hart: 1 + index of the vCPU of this guest that ran there last. */
  lastVcpu: usize = 0;
  /** Guest time = host time + timeDelta. */
  timeDelta: u64 = 0;
  /** Devices: linear address of the bus's region table, and of the devices that others must find. */
  regions: usize = 0;
  regionCount: u32 = 0;
  irqchip: usize = 0;
  /** INTERRUPTS_* of description.ts: which controller it has. Lines 1 to `lines` are wired to it. */
  interrupts: u32 = 0;
  lines: u32 = 0;
  /** Linear address of its interrupt files and APLIC (arch), 0 before the slot had an AIA guest. */
  messages: usize = 0;
  messagesPad: u32 = 0;
  uart: usize = 0;
  rtc: usize = 0;
  console: Console = changetype<Console>(0);
  /** Linear address of the table of its VirtIO devices (devices/table.ts), and of its PCI host bridge, 0 without. */
  devices: usize = 0;
  pci: usize = 0;
  /** What it was told to be (describe.ts); kept for restarts. */
  description: usize = 0;
  /** Host timers: the RTC's alarm, and the second half of a polite shutdown (polite.ts). */
  rtcTimer: usize = 0;
  politeTimer: usize = 0;
  /** The slot's room for a tree that was sent, 0 before it had one. */
  descriptionTree: usize = 0;
  /** gpa where kernel, ramdisk and device tree go (load.ts). */
  kernelGpa: u64 = 0;
  ramdiskGpa: u64 = 0;
  treeGpa: u64 = 0;
  /** Host time in ticks. */
  createdAt: u64 = 0;

  // ---- Guarded by `lock`.
  lock: Lock = changetype<Lock>(0);
  state: u32 = 0;
  /** What the lifecycle worker is to bring about: WANT_* of lifecycle.ts. */
  wanted: u32 = 0;
  /** Handle generation: a stale handle names nothing. */
  generation: u32 = 0;
  restarts: u32 = 0;
  /** Restarts that it caused itself, each within RESTART_QUIET of a start. */
  quickRestarts: u32 = 0;
  /** The lifecycle worker's own: bytes of RAM that are cleared, or of kernel and ramdisk that are in place, so far. */
  progress: u64 = 0;
  /** Host time in ticks of the last start, 0 before the first. */
  startedAt: u64 = 0;
  /** Since when (host time in ticks) it waits for its devices to be quiet, 0 if it does not. */
  quietSince: u64 = 0;
  /** 1 while RAM may hold something of an earlier run. */
  dirty: u32 = 0;
  /** 1 until the first start: preloaded modules lie in place. */
  first: u32 = 0;
  /** vCPUs that it may start (vcpu-count.ts). */
  vcpuAllowed: u32 = 0;
  /** Linear address of its CrashRecord. */
  crash: usize = 0;
  /** The sysrq key that ends a polite shutdown, 0 if none is under way. */
  politeKey: u32 = 0;
  /** What the lifecycle worker does, which `progress` belongs to: PHASE_* of advance.ts. */
  phase: u32 = 0;
}
