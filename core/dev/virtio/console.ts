// SPDX-License-Identifier: Apache-2.0
// Console of a guest, on VirtIO: to be written. For now it has no queue that does anything.
// Called by types.ts in trap context.
import { Access, Handled } from "../../mmio/access";
import { VirtioDevice, Virtqueue } from "./device";

export function consoleNotify(device: VirtioDevice, queue: Virtqueue): void {}

export function consoleConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  access.value = 0;
  return Handled;
}

export function consoleReset(device: VirtioDevice): void {}

export function consoleDriverOk(device: VirtioDevice): void {}
