// SPDX-License-Identifier: Apache-2.0
// Virtual machine ids, so that a hart can keep translations of several guests. When they run out a new generation
// begins: every hart forgets all stage-2 translations before it uses an id of the new one. Trap context.
// Ids start at 1. @spec priv §21.2.10
import * as hw from "../../hw";
import { Hart } from "../../host/hart";
import { Guest } from "../../guest/guest";
import { Vcpu } from "../../guest/vcpu";
import { acquire, Lock, lockInit, RANK_MEMORY, release } from "../../lib/lock";

// @lock vmid: next and generation.
const lock: usize = memory.data(16, 8);
let limit: u32 = 1;
let next: u32 = 1;
let generation: u32 = 1;

/** Boot: how many ids the host's hgatp can hold (a power of two, 1 if it has none). */
export function setVmidCount(count: u32): void {
  limit = count;
  lockInit(changetype<Lock>(lock), RANK_MEMORY);
}

export function vmidGeneration(): u32 {
  return generation;
}

/** The guest's id, of the current generation, with this hart fit to use it. Call before hgatp is loaded. */
export function useVmid(guest: Guest, hart: Hart): u32 {
  acquire(changetype<Lock>(lock));
  if (guest.vmidGeneration != generation) renew(guest);
  const vmid = guest.vmid;
  const current = generation;
  release(changetype<Lock>(lock));
  if (hart.vmidGeneration != current) {
    hart.vmidGeneration = current;
    hw.fenceStage2All();
    hw.fenceGuest(-1);
  }
  return vmid;
}

/** An id that nobody has in this generation, or the first of a new one. */
function renew(guest: Guest): void {
  if (next >= limit) {
    generation += 1;
    next = limit > 1 ? 1 : 0;
  }
  guest.vmid = next;
  next += 1;
  guest.vmidGeneration = generation;
}

/**
 * Call with hgatp loaded. Guest-virtual translations are tagged with the VMID only, so those left by another vCPU of
 * this guest on this hart, or from before this vCPU ran elsewhere, must go.
 */
export function cleanForVcpu(vcpu: Vcpu, hart: Hart): void {
  const last = vcpu.guest.lastVcpu + hart.index;
  const mark = <u8>(vcpu.index + 1);
  if (load<u8>(last) == mark && vcpu.lastHart == hart.index && limit > 1) return;
  hw.fenceGuest(-1);
  if (limit <= 1) hw.fenceStage2All();
  store<u8>(last, mark);
  vcpu.lastHart = hart.index;
}
