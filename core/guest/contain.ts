// SPDX-License-Identifier: Apache-2.0
// The hypervisor itself faulted on this hart: assembly has recorded where (FaultFrame) and called `trap` again on an
// empty stack. If this hart was working for a guest, that guest is stopped and everything else goes on; if not, or if
// this happens while containing, the machine stops with a report. Trap context.
import { isFailedCheck } from "../arch/seam";
import { blockFaulted } from "../dev/virtio/block";
import { netFaulted } from "../dev/virtio/net-transmit";
import { VIRTIO_ID_BLOCK } from "../dev/virtio/spec";
import { Hart } from "../host/hart";
import { panic, reportFault } from "../host/panic";
import { releaseAll } from "../lib/lock";
import { printAbandon } from "../lib/print";
import { askHart } from "../sched/harts";
import { CRASH_CHECK_FAILED, CRASH_HYPERVISOR_FAULT, CrashRecord, recordCrash } from "./crash";
import { MAX_DEVICES } from "./devices/node";
import { deviceAt } from "./devices/table";
import { Guest } from "./guest";
import { guestCrashed, guestFailed } from "./lifecycle";
import { Vcpu } from "./vcpu";

export function contain(hart: Hart): void {
  const guest = blamed(hart);
  if (hart.containing || !guest) panic(hart);
  hart.containing = 1;
  const inWorker = hart.workingFor != 0;
  releaseAll();
  printAbandon();
  const failed = changetype<Guest>(guest);
  const reason = isFailedCheck(hart) ? CRASH_CHECK_FAILED : CRASH_HYPERVISOR_FAULT;
  // What a worker's hart has loaded is whoever ran there before.
  recordCrash(failed, inWorker ? 0 : hart.loaded, reason, hart.faultCause);
  const record = changetype<CrashRecord>(failed.crash);
  record.hypervisorPc = hart.faultPc;
  record.hypervisorValue = hart.faultValue;
  reportFault(hart);
  leaveDevices(failed);
  hart.faultPc = 0;
  hart.workingFor = 0;
  if (inWorker) guestFailed(failed);
  else guestCrashed(failed);
  hart.containing = 0;
  askHart(hart.index);
}

/** What this hart was doing for the guest's devices is not going on. */
function leaveDevices(guest: Guest): void {
  netFaulted();
  for (let i: u32 = 0; guest.devices != 0 && i < MAX_DEVICES; i++) {
    const device = deviceAt(guest, i).device;
    if (changetype<usize>(device) != 0 && device.type == VIRTIO_ID_BLOCK && device.model) blockFaulted(device);
  }
}

/** The guest that this hart was working for, 0 if none. */
function blamed(hart: Hart): usize {
  if (hart.workingFor) return hart.workingFor;
  if (hart.ownWork) return 0;
  return hart.loaded ? changetype<usize>(changetype<Vcpu>(hart.loaded).guest) : 0;
}
