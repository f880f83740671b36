// SPDX-License-Identifier: Apache-2.0
// How many of its vCPUs a guest may start. The guest finds all of them in its tree; those beyond the count refuse to
// start (HSM), and a guest brings one up, or down, by its own CPU hotplug. Worker context.
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { WIRE_EVENT_VCPU } from "../mgmt/wire";
import { postEvent } from "./events";
import { Guest } from "./guest";
import { vcpuAt } from "./lifecycle";
import { refuse } from "./refusal";
import { HSM_STOPPED } from "./vcpu";

/** Range: not 1 to what it has. Busy: the guest itself must first take vCPUs offline that would be too many. */
export function setVcpuCount(guest: Guest, count: u32): i32 {
  if (count == 0 || count > guest.vcpuCount) return refuse(Status.Range, "it has fewer vCPUs (typeone,max-cpus)");
  acquire(guest.lock);
  let status: i32 = Status.Ok;
  for (let i = count; i < guest.vcpuCount; i++) if (vcpuAt(guest, i).hsm != HSM_STOPPED) status = Status.Busy;
  if (status == Status.Ok) {
    postEvent(WIRE_EVENT_VCPU, guest, count, guest.vcpuAllowed);
    guest.vcpuAllowed = count;
  }
  release(guest.lock);
  return status == Status.Ok ? status : refuse(status, "the guest must take its last vCPUs offline first");
}
