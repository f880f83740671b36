// SPDX-License-Identifier: Apache-2.0
// The harts' hardware guest interrupt files. While an AIA guest's vCPU is on a hart it has one of that hart's, and stage 2
// maps its page to it: messages and IPIs reach it without an exit. A vCPU that left its hart keeps its file there until
// another needs it, or until it comes onto another hart: then the state goes back to memory (vfile.ts), in an order that
// loses nothing: page unmapped, every hart's translations of it forgotten, then the pending bits merged, all under the
// guest's message lock. Only its own hart touches a file's registers. Trap context; dropFiles in a worker, filesInit at boot.
import * as hw from "../../../hw";
import { INTERRUPTS_AIA } from "../../../guest/description";
import { Guest } from "../../../guest/guest";
import { REQUEST_EXTERNAL, Vcpu } from "../../../guest/vcpu";
import { Hart, thisHart } from "../../../host/hart";
import { hartByIndex, hartCount } from "../../../host/harts";
import { acquire, release } from "../../../lib/lock";
import { MAX_HARTS } from "../../../limits";
import { askHart } from "../../../sched/harts";
import { STATE_BLOCKED } from "../../../sched/entity";
import { schedWake } from "../../../sched/sched";
import {
  CSR_HGEIE,
  CSR_HGEIP,
  CSR_HIE,
  CSR_HSTATUS,
  HIP_SGEIP,
  HSTATUS_VGEIN_MASK,
  HSTATUS_VGEIN_SHIFT,
  SIE_SEIE,
} from "../csr";
import { driveExternal, vcpuRequest } from "../inject";
import { fenceGuestPages } from "../ipi";
import { mapPage } from "../stage2";
import { drainFile, fillFile } from "./file-registers";
import { hostIrqHartById, HostIrqInfo } from "./info";
import { filePage, messagesLock, vfileOf } from "./messages";
import { IMSIC_PAGE_SIZE } from "./spec";
import { Vfile, VFILE_WORDS, vfileInit, vfileOutput } from "./vfile";

/** Files of a hart that are used, at most: numbers 1 to this. */
const MAX_FILES: u32 = 7;

/** What is known of a hart's files. */
@unmanaged
class HartFiles {
  /** hpa and hva of file 1's page; the others follow. */
  hpa: u64 = 0;
  page: u64 = 0;
  /** Bit per file that other harts wait for; atomics only. */
  called: u32 = 0;
  /** The file that was taken from another vCPU last. */
  turn: u32 = 0;
  /** Whose each file is, by number from 0: linear address of the guest plus index of the vCPU (below 8), 0 if nobody's. */
  owner0: u32 = 0;
  owner1: u32 = 0;
  owner2: u32 = 0;
  owner3: u32 = 0;
  owner4: u32 = 0;
  owner5: u32 = 0;
  owner6: u32 = 0;
  owner7: u32 = 0;
}

// @lock per boot: `count`, `words`, `hostWords` and the addresses. An owner is set by its own hart, and cleared with the
// message lock of the guest that it names.
let count: u32 = 0;
let words: u32 = VFILE_WORDS;
/** Those that the files themselves have. */
let hostWords: u32 = VFILE_WORDS;
const records: usize = memory.data(<i32>(MAX_HARTS * offsetof<HartFiles>()), 8);

function filesOf(hartIndex: u32): HartFiles {
  return changetype<HartFiles>(records + hartIndex * offsetof<HartFiles>());
}

function ownerAt(hartIndex: u32, number: u32): usize {
  return changetype<usize>(filesOf(hartIndex)) + offsetof<HartFiles>("owner0") + (number << 2);
}

function ownerOf(word: usize): Vcpu {
  const guest = changetype<Guest>(word & ~7);
  return changetype<Vcpu>(load<usize>(guest.vcpus + (word & 7) * sizeof<usize>()));
}

/** Words of pending bits in each file of a guest's: as many as in the host's. */
export function fileWords(): u32 {
  return words;
}

/** How many guest files every hart has for us; 0 without. */
export function guestFiles(): u32 {
  return count;
}

/** Boot hart, once the host's interrupt controller is known: how many files there are, and where. */
export function filesInit(info: HostIrqInfo): void {
  hw.csrWrite(CSR_HGEIE, u64.MAX_VALUE);
  const has = <u32>popcnt(hw.csrRead(CSR_HGEIE));
  hw.csrWrite(CSR_HGEIE, 0);
  const most = min(min(has, info.guestFiles), MAX_FILES);
  if (most == 0) return;
  hostWords = (info.identities + 1) >> 6;
  words = min(hostWords, VFILE_WORDS);
  for (let i: u32 = 0; i < hartCount(); i++) {
    const entry = hostIrqHartById(info, hartByIndex(i).id);
    if (changetype<usize>(entry) == 0 || entry.file == 0) return;
    const files = filesOf(i);
    files.hpa = entry.file + IMSIC_PAGE_SIZE;
    files.page = hw.mapDevice(files.hpa, <u64>most * IMSIC_PAGE_SIZE);
    if (files.page == 0) return;
  }
  count = most;
}

/** Each hart: a message for a vCPU that waits off its hart interrupts us. */
export function filesInitHart(): void {
  if (count != 0) hw.csrSet(CSR_HIE, HIP_SGEIP);
}

/**
 * The vCPU, whose CSRs are in this hart, is about to be entered: gives it a file of this hart, or its file in memory. 0: its
 * state is still in another hart's file; that hart was asked for it and wakes the vCPU, which must wait.
 */
export function bringInterrupts(vcpu: Vcpu, hart: Hart): u32 {
  const guest = vcpu.guest;
  if (guest.interrupts != INTERRUPTS_AIA) return 1;
  const file = vfileOf(guest, vcpu.index);
  if (file.hart != 0 && file.hart != hart.index + 1 && callBack(guest, file)) return 0;
  if (file.hart == 0 && count != 0) take(vcpu, file, hart.index);
  if (file.hart != 0) {
    hw.csrSet(CSR_HSTATUS, (<u64>file.number) << HSTATUS_VGEIN_SHIFT);
    hw.csrClear(CSR_HGEIE, (<u64>1) << file.number);
    driveExternal(vcpu, 0);
    return 1;
  }
  acquire(messagesLock(guest));
  const level = vfileOutput(file);
  release(messagesLock(guest));
  driveExternal(vcpu, level);
  return 1;
}

/** The vCPU, whose CSRs were just read, leaves this hart. Its file stays; what comes for it there wakes it if it waits. */
export function leaveInterrupts(vcpu: Vcpu, hart: Hart): void {
  if (vcpu.guest.interrupts != INTERRUPTS_AIA) return;
  hw.csrClear(CSR_HSTATUS, HSTATUS_VGEIN_MASK);
  vcpu.hstatus &= ~HSTATUS_VGEIN_MASK;
  const file = vfileOf(vcpu.guest, vcpu.index);
  if (file.hart != hart.index + 1 || vcpu.state != STATE_BLOCKED || !(vcpu.vsie & SIE_SEIE)) return;
  hw.csrSet(CSR_HGEIE, (<u64>1) << file.number);
}

/** Asks the hart that has the state for it; false if it is in memory by now. */
function callBack(guest: Guest, file: Vfile): bool {
  acquire(messagesLock(guest));
  const holder = file.hart;
  if (holder != 0) file.wanted = 1;
  const number = file.number;
  release(messagesLock(guest));
  if (holder == 0) return false;
  hw.atomicOr(changetype<usize>(filesOf(holder - 1)) + offsetof<HartFiles>("called"), 1 << number);
  askHart(holder - 1);
  return true;
}

/** What other harts wait for of this one's files goes back to memory. Called whenever this hart looks for work. */
export function serveInterrupts(hart: Hart): void {
  const at = changetype<usize>(filesOf(hart.index)) + offsetof<HartFiles>("called");
  if (count == 0 || hw.atomicLoad(at) == 0) return;
  for (let left = hw.atomicSwap(at, 0); left != 0; left &= left - 1) {
    const number = ctz(left);
    const owner = load<usize>(ownerAt(hart.index, number));
    if (owner != 0 && changetype<usize>(ownerOf(owner)) != hart.loaded) evict(hart.index, number);
  }
}

/** A message came for a vCPU that waits; once it is awake its file needs no watching. */
export function fileInterrupt(): void {
  const came = hw.csrRead(CSR_HGEIP) & hw.csrRead(CSR_HGEIE);
  hw.csrClear(CSR_HGEIE, came);
  for (let left = came; left != 0; left &= left - 1) {
    const owner = load<usize>(ownerAt(thisHart().index, <u32>ctz(left)));
    if (owner != 0) schedWake(ownerOf(owner));
  }
}

/** Serves the interrupt of an idle hart's files. */
export function pendingFiles(): void {
  if (count != 0) fileInterrupt();
}

/** A free file of this hart's, else one of a vCPU that is not here now, in turn, becomes this vCPU's. */
function take(vcpu: Vcpu, file: Vfile, hartIndex: u32): void {
  const files = filesOf(hartIndex);
  let number: u32 = 1;
  while (number <= count && load<usize>(ownerAt(hartIndex, number)) != 0) number += 1;
  if (number > count) {
    files.turn = files.turn < count ? files.turn + 1 : 1;
    number = files.turn;
    evict(hartIndex, number);
  }
  const guest = vcpu.guest;
  store<usize>(ownerAt(hartIndex, number), changetype<usize>(guest) | vcpu.index);
  const at = <u64>(number - 1) * IMSIC_PAGE_SIZE;
  acquire(messagesLock(guest));
  fillFile(file, number, hostWords);
  file.page = files.page + at;
  file.number = number;
  file.wanted = 0;
  file.hart = hartIndex + 1;
  mapPage(guest, filePage(vcpu.index), files.hpa + at);
  release(messagesLock(guest));
}

/** Takes a file of this hart away from whoever has it, who is not here: unmapped and forgotten first, then read. */
function evict(hartIndex: u32, number: u32): void {
  const at = ownerAt(hartIndex, number);
  const owner = load<usize>(at);
  store<usize>(at, 0);
  hw.csrClear(CSR_HGEIE, (<u64>1) << number);
  if (owner == 0) return;
  const guest = changetype<Guest>(owner & ~7);
  const index = (<u32>owner) & 7;
  const file = vfileOf(guest, index);
  let wake: u32 = 0;
  acquire(messagesLock(guest));
  if (file.hart == hartIndex + 1 && file.number == number) {
    mapPage(guest, filePage(index), 0);
    fenceGuestPages(guest);
    drainFile(file, number);
    wake = file.wanted | vfileOutput(file);
    file.wanted = 0;
    file.hart = 0;
  }
  release(messagesLock(guest));
  if (wake != 0) vcpuRequest(ownerOf(owner), REQUEST_EXTERNAL);
}

/** No vCPU of the guest is on a hart: its files are in memory and as after power-on from now on. */
export function dropFiles(guest: Guest): void {
  let mapped: u32 = 0;
  acquire(messagesLock(guest));
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    const file = vfileOf(guest, i);
    if (file.hart != 0) {
      mapped = 1;
      mapPage(guest, filePage(i), 0);
      const at = ownerAt(file.hart - 1, file.number);
      vfileInit(file, words);
      store<usize>(at, 0);
    } else vfileInit(file, words);
  }
  if (mapped != 0) fenceGuestPages(guest);
  release(messagesLock(guest));
}
