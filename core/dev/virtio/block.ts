// SPDX-License-Identifier: Apache-2.0
// Block device of a guest, on VirtIO: to be written. For now it has no queue that does anything.
// Called by types.ts in trap context.
import { Access, Handled } from "../../mmio/access";
import { VirtioDevice, Virtqueue } from "./device";

export function blockNotify(device: VirtioDevice, queue: Virtqueue): void {}

export function blockConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  access.value = 0;
  return Handled;
}

export function blockReset(device: VirtioDevice): void {}

export function blockDriverOk(device: VirtioDevice): void {}

export function blockContinue(device: VirtioDevice, queue: Virtqueue): void {}
