// SPDX-License-Identifier: Apache-2.0
// Network device of a guest, on VirtIO: to be written. For now it has no queue that does anything.
// Called by types.ts in trap context.
import { Access, Handled } from "../../mmio/access";
import { VirtioDevice, Virtqueue } from "./device";

export function netNotify(device: VirtioDevice, queue: Virtqueue): void {}

export function netConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  access.value = 0;
  return Handled;
}

export function netReset(device: VirtioDevice): void {}

export function netDriverOk(device: VirtioDevice): void {}

export function netContinue(device: VirtioDevice, queue: Virtqueue): void {}
