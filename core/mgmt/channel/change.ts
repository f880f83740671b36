// SPDX-License-Identifier: Apache-2.0
// Guests come, change and go. Each change is only begun here, and the event stream tells when it is done. Called in the channel's worker, once per request however often its frame comes.
import { createFromBlobs, CreateRequest } from "../../guest/create";
import * as life from "../../guest/lifecycle";
import { refusalWords } from "../../guest/refusal";
import { guestByHandle } from "../../guest/table";
import { Status } from "../../lib/status";
import * as wire from "../wire";
import {
  WIRE_CREATED_SIZE,
  WIRE_CREATED_WORDS,
  WIRE_CREATED_WORDS_SIZE,
  WIRE_REFUSAL_SIZE,
  WireCreate,
  WireCreated,
  WireGuestAction,
} from "../wire-structs";
import { addRecord, putText, refuse } from "./answer";

// @lock none: the channel's worker only.
const request: usize = memory.data(<i32>offsetof<CreateRequest>(), 8);

export function createGuest(body: usize): i32 {
  const ask = changetype<WireCreate>(body);
  if (ask.start > 1) return Status.Invalid;
  const wanted = changetype<CreateRequest>(request);
  wanted.description = ask.description;
  wanted.kernel = ask.kernel;
  wanted.ramdisk = ask.ramdisk;
  wanted.tree = ask.tree;
  const status = createFromBlobs(wanted);
  const at = addRecord(WIRE_CREATED_SIZE);
  const answer = changetype<WireCreated>(at);
  if (status == Status.Ok) {
    const guest = wanted.made;
    answer.guest = guest.id;
    answer.generation = guest.generation;
    if (ask.start) life.guestStart(guest);
  } else {
    putText(at + WIRE_CREATED_WORDS, WIRE_CREATED_WORDS_SIZE, refusalWords());
  }
  return status;
}

export function changeGuest(body: usize): i32 {
  const ask = changetype<WireGuestAction>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  switch (ask.action) {
    case wire.WIRE_ACTION_START:
      return told(life.guestStart(guest));
    case wire.WIRE_ACTION_PAUSE:
      return told(life.guestPause(guest));
    case wire.WIRE_ACTION_RESUME:
      return told(life.guestResume(guest));
    case wire.WIRE_ACTION_RESET:
      return told(life.guestReset(guest));
    case wire.WIRE_ACTION_REBOOT:
      return told(life.guestReboot(guest));
    case wire.WIRE_ACTION_SHUTDOWN:
      return told(life.guestShutdown(guest));
    case wire.WIRE_ACTION_POWER_OFF:
      return told(life.guestPowerOff(guest));
    case wire.WIRE_ACTION_DESTROY:
      return told(life.guestDestroy(guest));
    default:
      return refuse(Status.Unsupported, "there is no such action");
  }
}

/** Answers with an empty refusal, or one that says what the status means for a guest. */
export function told(status: i32): i32 {
  if (status == Status.Ok) {
    addRecord(WIRE_REFUSAL_SIZE);
    return status;
  }
  if (status == Status.Busy) return refuse(status, "something else is being done with it");
  return status == Status.Invalid ? refuse(status, "it is not in a state for that") : status;
}
