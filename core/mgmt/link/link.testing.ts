// SPDX-License-Identifier: Apache-2.0
// The whole core with a session layer of the tests': it answers what it gets, so that a test sees both ways of a link.
// Compiled only into test modules. Operations: 1 echo, 2 counters, 3 as many frames as the body says, 4 linkWake,
// 7 the session is here, 8 it is over; anything else is only counted.
import { boot as bootCore } from "../../main";
import {
  linkAttach,
  linkBad,
  linkBytes,
  linkDetach,
  linkFrames,
  linkInit,
  linkRoom,
  linkSend,
  linkWake,
  linkWindow,
} from "./link";
import { WIRE_HEADER, WIRE_MAX_BODY } from "../wire";

export { secondary, trap, heapBase } from "../../main";

const OPERATION: usize = 12;

// @lock none: the link's worker.
const reply: usize = memory.data(<i32>(WIRE_HEADER + 32), 8);
const large: usize = memory.data(<i32>(WIRE_HEADER + WIRE_MAX_BODY + 8), 8);
let refused: u32 = 0;
/** Frames still to be sent, to which link, and the number of the next. */
let wanted: u32 = 0;
let to: u32 = 0;
let number: u32 = 0;

export function boot(hart: u64, fdt: u64): usize {
  const context = bootCore(hart, fdt);
  linkInit(changetype<u32>(onFrame.index), changetype<u32>(onRoom.index));
  return context;
}

export function onFrame(frame: usize, length: u32, link: u32): void {
  const operation: u32 = load<u16>(frame, OPERATION);
  if (operation == 7) linkAttach(link);
  if (operation == 1 || operation == 7) answer(link, frame, length);
  else if (operation == 2) counters(link, frame);
  else if (operation == 3) burst(link, load<u32>(frame, WIRE_HEADER));
  else if (operation == 4) {
    to = link;
    linkWake();
  } else if (operation == 8) linkDetach(link);
}

function answer(link: u32, frame: usize, length: u32): void {
  if (!linkSend(link, frame, length)) refused += 1;
}

function counters(link: u32, frame: usize): void {
  memory.copy(reply, frame, WIRE_HEADER);
  store<u32>(reply, linkFrames(), WIRE_HEADER);
  store<u32>(reply, linkBad(), WIRE_HEADER + 4);
  store<u64>(reply, linkBytes(), WIRE_HEADER + 8);
  store<u32>(reply, refused, WIRE_HEADER + 16);
  store<u32>(reply, link, WIRE_HEADER + 20);
  store<u32>(reply, linkWindow(link), WIRE_HEADER + 24);
  answer(link, reply, WIRE_HEADER + 28);
}

function burst(link: u32, count: u32): void {
  to = link;
  wanted = count;
  number = 0;
  more();
}

function more(): void {
  while (wanted != 0) {
    memory.fill(large, 0, WIRE_HEADER);
    store<u8>(large, 1, 1);
    store<u8>(large, 3, 2);
    store<u32>(large, number, 8);
    store<u16>(large, 3, OPERATION);
    memory.fill(large + WIRE_HEADER, <u8>number, WIRE_MAX_BODY);
    if (!linkSend(to, large, WIRE_HEADER + WIRE_MAX_BODY)) return;
    assert(linkRoom(to) < 100);
    number += 1;
    wanted -= 1;
  }
}

export function onRoom(link: u32): void {
  if (link != 0) {
    more();
    return;
  }
  memory.fill(reply, 0, WIRE_HEADER);
  store<u8>(reply, 1, 1);
  store<u8>(reply, 3, 2);
  store<u16>(reply, 5, OPERATION);
  answer(to, reply, WIRE_HEADER);
}
