// SPDX-License-Identifier: Apache-2.0
// The configuration space of a VirtIO device: each type serves its own; here is what they share. A read may have any
// width at any place; behind the end there are zeroes. Called by transports in trap context with no lock held.
// @spec virtio 1.2 §2.5
import { Access, Handled } from "../../mmio/access";
import { VirtioDevice } from "./device";
import { typeConfig } from "./types";

/** A guest access `offset` bytes into the device's configuration. The answer is the bus's. */
export function virtioConfigAccess(device: VirtioDevice, access: Access, offset: u32): i32 {
  return typeConfig(device, access, offset);
}

/** Serves a load from `bytes` of configuration at linear address `config`, which has the layout that the driver sees. */
export function configRead(access: Access, offset: u32, config: usize, bytes: u32): i32 {
  let value: u64 = 0;
  for (let i = access.width; i != 0; i--) {
    const at = offset + i - 1;
    value = (value << 8) | (at < bytes ? <u64>load<u8>(config + at) : 0);
  }
  access.value = value;
  return Handled;
}
