// SPDX-License-Identifier: Apache-2.0
// The interrupt files and the APLIC of one guest, joined to its vCPUs: where a message goes, and what it raises. Called in
// trap or worker context; the APLIC with the guest's lock held, messages with or without. A file's state is in memory
// (vfile.ts) or in a guest file of the hart that has the vCPU (files.ts); the lock here says which, and no message is lost
// between the two because whoever sends one holds it.
//
// In memory: | Lock | one Vfile per vCPU | Vaplic |
import * as hw from "../../../hw";
import { IMSIC_BASE } from "../../../guest/board";
import { INTERRUPTS_AIA } from "../../../guest/description";
import { Guest } from "../../../guest/guest";
import { REQUEST_EXTERNAL, Vcpu } from "../../../guest/vcpu";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_MEMORY, release } from "../../../lib/lock";
import { Status } from "../../../lib/status";
import { MAX_VCPUS } from "../../../limits";
import { allocate, arenaNeeds } from "../../../mem/arena";
import { Access, Handled, Unhandled } from "../../../mmio/access";
import { driveExternal, isHere, vcpuRequest } from "../inject";
import { makeTables } from "../stage2";
import { dropFiles, fileWords } from "./files";
import { APLIC_TARGET_EIID_MASK, APLIC_TARGET_HART_SHIFT, IMSIC_SETEIPNUM_LE } from "./spec";
import { Vaplic, VAPLIC_BYTES, vaplicAccess, vaplicInit, vaplicSetLine, vaplicTake } from "./vaplic";
import { Vfile, vfileInit, vfileOutput, vfileSet } from "./vfile";

const FILES: usize = <usize>LOCK_SIZE;
const APLIC: usize = FILES + MAX_VCPUS * offsetof<Vfile>();
const BYTES: usize = APLIC + VAPLIC_BYTES;
const PAGE_SHIFT: u64 = 12;

export function messagesLock(guest: Guest): Lock {
  return changetype<Lock>(guest.messages);
}

/** The interrupt file of vCPU `index`. */
export function vfileOf(guest: Guest, index: u32): Vfile {
  return changetype<Vfile>(guest.messages + FILES + index * offsetof<Vfile>());
}

/** gpa of its page. */
export function filePage(index: u32): u64 {
  return IMSIC_BASE + ((<u64>index) << PAGE_SHIFT);
}

/** The guest's RAM was just mapped: makes what mapping its files takes. */
export function mapMessages(guest: Guest): i32 {
  return guest.interrupts == INTERRUPTS_AIA ? makeTables(guest, IMSIC_BASE) : Status.Ok;
}

function aplicOf(guest: Guest): Vaplic {
  return changetype<Vaplic>(guest.messages + APLIC);
}

/** Gives the guest, which is being made, its files and its APLIC, as after power-on. */
export function initMessages(guest: Guest): i32 {
  if (!guest.messages) {
    guest.messages = arenaNeeds(<u32>BYTES) ? allocate(BYTES) : 0;
    if (!guest.messages) return Status.NoMemory;
    lockInit(messagesLock(guest), RANK_MEMORY);
  }
  for (let i: u32 = 0; i < MAX_VCPUS; i++) vfileInit(vfileOf(guest, i), fileWords());
  return vaplicInit(aplicOf(guest), guest.lines);
}

/** The guest restarts or goes; none of its vCPUs is on a hart: as after power-on. The guest's lock is held. */
export function resetMessages(guest: Guest): void {
  dropFiles(guest);
  vaplicInit(aplicOf(guest), guest.lines);
}

/**
 * A message, as a device or a vCPU sends it: `data` written to gpa `address`. Range if no interrupt file of the guest is
 * there; identities that do not exist are ignored. Any hart, any context, without the guest's lock or with it. @spec aia §3.5
 */
export function guestMessage(guest: Guest, address: u64, data: u32): i32 {
  const offset = address - IMSIC_BASE;
  const index = offset >> PAGE_SHIFT;
  const isFile = index < guest.vcpuCount && (offset & 0xfff) == IMSIC_SETEIPNUM_LE;
  if (!isFile || guest.interrupts != INTERRUPTS_AIA) return Status.Range;
  send(guest, <u32>index, data);
  return Status.Ok;
}

function send(guest: Guest, index: u32, identity: u32): void {
  const file = vfileOf(guest, index);
  let raised: u32 = 0;
  acquire(messagesLock(guest));
  if (file.hart != 0) {
    hw.mmioWrite32(file.page, identity);
  } else {
    raised = vfileOutput(file) ^ 1;
    vfileSet(file, identity);
    raised &= vfileOutput(file);
  }
  release(messagesLock(guest));
  if (raised == 0) return;
  const vcpu = changetype<Vcpu>(load<usize>(guest.vcpus + index * sizeof<usize>()));
  if (!isHere(vcpu)) vcpuRequest(vcpu, REQUEST_EXTERNAL);
  else driveExternal(vcpu, 1);
}

/** Drives interrupt wire `line` to `level`. The guest's lock is held. */
export function setMessageLine(guest: Guest, line: u32, level: u32): void {
  vaplicSetLine(aplicOf(guest), line, level);
  forward(guest);
}

/** Sends what the APLIC has to send. */
function forward(guest: Guest): void {
  for (let target = vaplicTake(aplicOf(guest)); target >= 0; target = vaplicTake(aplicOf(guest))) {
    const index = (<u32>target) >> APLIC_TARGET_HART_SHIFT;
    if (index < guest.vcpuCount) send(guest, index, (<u32>target) & APLIC_TARGET_EIID_MASK);
  }
}

/** A guest access to its APLIC's registers. */
export function aplicRegister(guest: Guest, access: Access): i32 {
  acquire(guest.lock);
  const answer = vaplicAccess(aplicOf(guest), access);
  forward(guest);
  release(guest.lock);
  return answer;
}

/** A guest access to the page of an interrupt file that is not mapped: in memory, or mapped by now. */
export function fileRegister(guest: Guest, access: Access): i32 {
  if (access.width != 4) return Unhandled;
  if (access.write) guestMessage(guest, IMSIC_BASE + access.offset, <u32>access.value);
  else access.value = 0;
  // A hart may remember that a page was not mapped. @spec priv §12.2.1
  if (vfileOf(guest, <u32>(access.offset >> PAGE_SHIFT)).hart != 0) hw.fenceStage2All();
  return Handled;
}
