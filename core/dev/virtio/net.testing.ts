// SPDX-License-Identifier: Apache-2.0
// What the tests of network devices and switches need besides their interface and that of VirtIO devices: settings of a
// port, and counters by name. Compiled only into test modules; no part of the hypervisor imports it.
import { PortPair, PortSettings } from "../../backend/net/port";
import { allocate } from "../../mem/arena";

export * from "./virtio.testing";
export { netControl } from "./net-control";
export { netConfig, netCreate, netDestroy, netQueues, netUnplug } from "./net";
export { portCounters } from "../../backend/net/port";
export { portCreate, portDestroy, switchByName, switchCount } from "../../backend/net/switch";
export { setClock } from "../../host/clock";
export { timersExpire, timersNext } from "../../host/timers";

export const SETTINGS_STATUS: u32 = offsetof<PortSettings>("status");

/** Room for counters. */
export function testCounters(): usize {
  return allocate(offsetof<PortPair>());
}

/** Room for settings; filled by the test, in the order of the fields. */
export function testSettings(): usize {
  return allocate(offsetof<PortSettings>());
}
