// SPDX-License-Identifier: Apache-2.0
// The one place where a guest's state changes, so that everybody who follows it hears of each change: the event stream
// and the trace. The guest's lock is held, or nobody else knows the guest yet.
import { WIRE_EVENT_STATE } from "../mgmt/wire";
import { traceGuest } from "../trace/events";
import { postEvent } from "./events";
import { Guest } from "./guest";

export function changeState(guest: Guest, state: u32): void {
  const former = guest.state;
  if (former == state) return;
  guest.state = state;
  traceGuest(guest);
  postEvent(WIRE_EVENT_STATE, guest, state, former);
}
