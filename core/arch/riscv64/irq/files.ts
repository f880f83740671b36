// SPDX-License-Identifier: Apache-2.0
// The harts' hardware guest interrupt files: while a vCPU is on a hart, one of that hart's files is its own, and stage 2
// maps the guest's page to it, so that messages and IPIs reach it without an exit. Trap context; dropFiles in a worker.
import { Guest } from "../../../guest/guest";
import { acquire, release } from "../../../lib/lock";
import { messagesLock, vfileOf } from "./messages";
import { VFILE_WORDS, vfileInit } from "./vfile";

/** Words of pending bits in each file of this host's. */
export function fileWords(): u32 {
  return VFILE_WORDS;
}

/** How many guest files every hart has; 0 without. */
export function guestFiles(): u32 {
  return 0;
}

/** No vCPU of the guest is on a hart: its files are in memory and empty from now on. */
export function dropFiles(guest: Guest): void {
  acquire(messagesLock(guest));
  for (let i: u32 = 0; i < guest.vcpuCount; i++) vfileInit(vfileOf(guest, i), fileWords());
  release(messagesLock(guest));
}
