// SPDX-License-Identifier: Apache-2.0
// Brings the host's interrupt controller up at boot: found in the tree, initialised once, then joined by each hart.
import { allocate } from "../../../mem/arena";
import { Status } from "../../../lib/status";
import { discoverHostIrq, HOST_IRQ_INFO_SIZE } from "./discover";
import { filesInit } from "./files";
import { hostIrqInit } from "./host";
import { HostIrqInfo } from "./info";

/** Boot hart, before its setUpHartInterrupts. */
export function setUpInterrupts(fdt: usize): i32 {
  const info = allocate(HOST_IRQ_INFO_SIZE);
  if (!info) return Status.NoMemory;
  let status = discoverHostIrq(fdt, changetype<HostIrqInfo>(info));
  if (status == Status.Ok) status = hostIrqInit(changetype<HostIrqInfo>(info));
  if (status == Status.Ok) filesInit(changetype<HostIrqInfo>(info));
  return status;
}
