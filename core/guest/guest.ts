// SPDX-License-Identifier: Apache-2.0
// A guest: what it owns (memory, vCPUs, devices) and what it was told to be (its description). Made at boot or at run
// time by create.ts, changed by lifecycle.ts. Fields above the line are fixed once the guest exists; those below are
// guarded by the guest's lock.
import { Lock } from "../lib/lock";
import { Console } from "../host/console";

export { MAX_GUESTS, MAX_RANGES, MAX_VCPUS, NAME_LENGTH } from "../limits";

// ---- state
export const GUEST_EMPTY: u32 = 0;
export const GUEST_CREATED: u32 = 1;
export const GUEST_RUNNING: u32 = 2;
export const GUEST_PAUSED: u32 = 3;
export const GUEST_RESTARTING: u32 = 4;
/** It asked to shut down, or stopped its last vCPU. */
export const GUEST_SHUTDOWN: u32 = 5;
/** Stopped by the hypervisor; the crash record says why. */
export const GUEST_CRASHED: u32 = 6;

@unmanaged
export class Guest {
  /** Index in the guest table; the guest's number for people is id + 1 (0 is the host). */
  id: u32 = 0;
  vcpuCount: u32 = 0;
  /** Linear address of a NUL-terminated printable name. */
  name: usize = 0;
  /** Linear address of MAX_VCPUS pointers to Vcpu. */
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
  uart: usize = 0;
  rtc: usize = 0;
  console: Console = changetype<Console>(0);
  /** What it was told to be (describe.ts); kept for restarts. */
  description: usize = 0;

  // ---- Guarded by `lock`.
  lock: Lock = changetype<Lock>(0);
  state: u32 = 0;
  /** Next state to take once every vCPU has left its hart; GUEST_EMPTY means none is wanted. */
  wanted: u32 = 0;
  /** Handle generation: a stale handle names nothing. */
  generation: u32 = 0;
  restarts: u32 = 0;
  /** Bytes of RAM that the lifecycle worker has cleared so far. */
  cleared: u64 = 0;
  crash: usize = 0;
  pad: u32 = 0;
}
