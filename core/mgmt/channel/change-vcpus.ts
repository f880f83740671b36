// SPDX-License-Identifier: Apache-2.0
// What changes a guest's vCPUs: one of them, or how many it may have. Called in the channel's worker, once per request
// however often its frame comes.
import { refusalWords } from "../../guest/refusal";
import { guestByHandle } from "../../guest/table";
import { Vcpu } from "../../guest/vcpu";
import { pauseVcpu, resumeVcpu, setAffinity, setPriority, setWeight } from "../../guest/vcpu-control";
import { setVcpuCount } from "../../guest/vcpu-count";
import { Status } from "../../lib/status";
import * as wire from "../wire";
import { WireVcpuAction, WireVcpuCount } from "../wire-structs";
import { refuse } from "./answer";
import { told } from "./change";
import { vcpuByHandle } from "./vcpus";

export function changeVcpu(body: usize): i32 {
  const ask = changetype<WireVcpuAction>(body);
  const vcpu = vcpuByHandle(guestByHandle(ask.guest, ask.generation), ask.vcpu);
  if (changetype<usize>(vcpu) == 0) return Status.NotFound;
  const status = actOn(vcpu, ask.action, ask.value);
  if (status == Status.Ok || status == Status.Busy || status == Status.Invalid) return told(status);
  if (status == Status.Range) return refuse(status, "priorities are 0 to 7, weights 1 to 10000");
  if (status == Status.NotFound) return refuse(status, "none of those harts runs");
  return refuse(status, "its scheduling policy does not allow that, or there is no such action");
}

function actOn(vcpu: Vcpu, action: u32, value: u64): i32 {
  switch (action) {
    case wire.WIRE_VCPU_ACTION_PAUSE:
      return pauseVcpu(vcpu);
    case wire.WIRE_VCPU_ACTION_RESUME:
      return resumeVcpu(vcpu);
    case wire.WIRE_VCPU_ACTION_AFFINITY:
      return setAffinity(vcpu, value);
    case wire.WIRE_VCPU_ACTION_PRIORITY:
      return setPriority(vcpu, value);
    case wire.WIRE_VCPU_ACTION_WEIGHT:
      return setWeight(vcpu, value);
    default:
      return Status.Unsupported;
  }
}

export function changeCount(body: usize): i32 {
  const ask = changetype<WireVcpuCount>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  const status = setVcpuCount(guest, ask.count);
  return status == Status.Ok ? told(status) : refuse(status, refusalWords());
}
