// SPDX-License-Identifier: Apache-2.0
// The whole core, with messages that a test sends: each trap of any hart first takes what stands in a mailbox in host
// memory and sends it, as a host device's completion does. Compiled only into test modules.
import { guestByIndex } from "../../../guest/table";
import * as hw from "../../../hw";
import { trap as trapCore } from "../../../main";
import { guestMessage } from "./messages";

export { boot, heapBase, secondary } from "../../../main";

/** Mailbox: index of the guest plus 1, data, address, and, as the answer, the status. It lies in firmware's memory. */
const MAILBOX: u64 = 0x8007_f000;
const BYTES: u32 = 24;
const FAULT: usize = 1;

// @lock none: a hart at a time in these tests.
const mail: usize = memory.data(24, 8);

export function trap(context: usize): usize {
  if (context != FAULT) takeMail();
  return trapCore(context);
}

function takeMail(): void {
  hw.copyIn(mail, MAILBOX, BYTES);
  const guest = load<u32>(mail);
  if (guest == 0) return;
  store<u32>(mail, 0);
  hw.copyOut(MAILBOX, mail, BYTES);
  store<i32>(mail, guestMessage(guestByIndex(guest - 1), load<u64>(mail, 8), load<u32>(mail, 4)), 16);
  hw.copyOut(MAILBOX, mail, BYTES);
}
