// SPDX-License-Identifier: Apache-2.0
// What a guest's network device has besides a VirtIO device's record. Records are made once and used again: a sender on
// another hart may still have the address of one (net-receive.ts).
import { Port } from "../../backend/net/port";
import { VirtioDevice } from "./device";

@unmanaged
export class Net {
  device: VirtioDevice = changetype<VirtioDevice>(0);
  /** Where it is plugged in, null if it is not. Changed with each of the device's queue locks taken afterwards. */
  port: Port = changetype<Port>(0);
  /** Pairs of queues that it has, and those that the driver uses. */
  pairs: u32 = 1;
  active: u32 = 1;
  /** Address and MTU, as its port had them when it was plugged in. */
  mac: u64 = 0;
  /** What the driver wants to receive besides its own address and broadcasts: a bit for each group of addresses. */
  unicast: u64 = 0;
  multicast: u64 = 0;
  promiscuous: u32 = 0;
  allMulticast: u32 = 0;
  /** The next free one. */
  next: usize = 0;
  mtu: u32 = 0;
}
