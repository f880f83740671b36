// SPDX-License-Identifier: Apache-2.0
// The whole core, with messages that a test sends: each trap of any hart first takes what stands in a mailbox in host
// memory and sends it, as a host device's completion does. Compiled only into test modules.
import { guestByIndex } from "../../../guest/table";
import * as hw from "../../../hw";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "../../../lib/lock";
import { boot as bootCore, trap as trapCore } from "../../../main";
import { guestMessage } from "./messages";

export { heapBase, secondary } from "../../../main";

/** Mailbox: index of the guest plus 1, data, address, and, as the answer, the status. It lies in firmware's memory. */
const MAILBOX: u64 = 0x8007_f000;
const BYTES: u32 = 24;
const FAULT: usize = 1;

// @lock mailbox
const lock: usize = memory.data(LOCK_SIZE, 8);
const mail: usize = memory.data(24, 8);

export function boot(hart: u64, fdt: u64): usize {
  lockInit(changetype<Lock>(lock), RANK_CONSOLE);
  return bootCore(hart, fdt);
}

export function trap(context: usize): usize {
  if (context != FAULT) takeMail();
  return trapCore(context);
}

function takeMail(): void {
  acquire(changetype<Lock>(lock));
  hw.copyIn(mail, MAILBOX, BYTES);
  const guest = load<u32>(mail);
  const data = load<u32>(mail, 4);
  const address = load<u64>(mail, 8);
  store<u32>(mail, 0);
  if (guest != 0) hw.copyOut(MAILBOX, mail, 4);
  release(changetype<Lock>(lock));
  if (guest == 0) return;
  const status = guestMessage(guestByIndex(guest - 1), address, data);
  acquire(changetype<Lock>(lock));
  store<i32>(mail, status);
  hw.copyOut(MAILBOX + 16, mail, 4);
  release(changetype<Lock>(lock));
}
