// SPDX-License-Identifier: Apache-2.0
// How much of the hypervisor's own memory the VirtIO devices of the guests that the host's tree describes will take.
// Boot. What is left over is there for guests that come later.
import { CHAINS_BYTES } from "../../dev/virtio/chain";
import { fdtChild, fdtCompatible, fdtFind, fdtHas, fdtSibling, fdtU32 } from "../../fdt/read";
import { DEVICE_DISK, DEVICE_NET, DEVICE_NONE, deviceKind, MAX_DISK_QUEUES } from "./node";

/** Records of a device, its queues, its backend; of a disk an overlay, and for each queue its requests. */
const DEVICE_ARENA: u32 = 0x2000;
const DISK_ARENA: u32 = 0x5800;
const QUEUE_ARENA: u32 = 0x2800;
/** A switch with its table of addresses. */
const SWITCH_ARENA: u32 = 0x1_0000;
/** Buffers for what the NIC cannot cut and sum itself, too. */
const UPLINK_ARENA: u32 = 0x9_0000;

/** Bytes, 0 if no guest has a device. */
export function devicesArena(tree: usize): u32 {
  const chosen = fdtFind(tree, "/chosen");
  let bytes: u32 = 0;
  let nets: u32 = 0;
  for (let node = chosen ? fdtChild(chosen) : 0; node; node = fdtSibling(node)) {
    if (fdtCompatible(tree, node, "typeone,switch"))
      bytes += fdtHas(tree, node, "typeone,uplink") ? UPLINK_ARENA : SWITCH_ARENA;
    if (!fdtCompatible(tree, node, "xen,domain")) continue;
    for (let child = fdtChild(node); child; child = fdtSibling(child)) {
      const kind = deviceKind(tree, child);
      if (kind == DEVICE_NONE) continue;
      nets += u32(kind == DEVICE_NET);
      bytes +=
        kind == DEVICE_DISK
          ? DISK_ARENA + min<u32>(fdtU32(tree, child, "typeone,queues", 1), MAX_DISK_QUEUES) * QUEUE_ARENA
          : DEVICE_ARENA;
    }
  }
  if (nets) bytes += SWITCH_ARENA;
  return bytes ? bytes + <u32>CHAINS_BYTES : 0;
}
