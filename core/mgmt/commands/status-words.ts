// SPDX-License-Identifier: Apache-2.0
// What a person reads of a status and of a guest's state. Called by the terminal's worker.
import {
  GUEST_CRASHED,
  GUEST_CREATED,
  GUEST_LOADING,
  GUEST_PAUSED,
  GUEST_RESTARTING,
  GUEST_RUNNING,
  GUEST_SHUTDOWN,
} from "../../guest/guest";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";

/** A status in words, as the end of a line. Answers 0, as a command that is done does. */
export function say(status: i32): u32 {
  if (status == Status.Ok) print("done\n");
  else if (status == Status.Invalid) print("it is not in a state for that\n");
  else if (status == Status.Busy) print("something else is being done with it\n");
  else if (status == Status.NoMemory) print("there is not enough memory\n");
  else if (status == Status.Range) print("out of range\n");
  else if (status == Status.NotFound) print("there is nothing like that\n");
  else print("that is not possible\n");
  return 0;
}

/** A guest's state in a word, as tables and JSON show it. */
export function stateName(state: u32): string {
  switch (state) {
    case GUEST_CREATED:
      return "created";
    case GUEST_RUNNING:
      return "running";
    case GUEST_PAUSED:
      return "paused";
    case GUEST_RESTARTING:
      return "restarting";
    case GUEST_LOADING:
      return "loading";
    case GUEST_SHUTDOWN:
      return "shutdown";
    case GUEST_CRASHED:
      return "crashed";
    default:
      return "empty";
  }
}
