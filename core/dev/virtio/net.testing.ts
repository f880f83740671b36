// SPDX-License-Identifier: Apache-2.0
// What the tests of network devices and switches need besides their interface and that of VirtIO devices: settings of a
// port, and counters by name. Compiled only into test modules; no part of the hypervisor imports it.
import { PortPair, PortSettings } from "../../backend/net/port";
import { FrameRecord, frameRecord, HostFrame, HostNic, hostNicAdd, hostNicSend } from "../../host/virtio/net";
import { queueMake } from "../../host/virtio/queue";
import { HostVirtio, virtioBegin, virtioGo } from "../../host/virtio/transport";
import { lockInit, RANK_MEMORY } from "../../lib/lock";
import { allocate, hpaOf } from "../../mem/arena";
import { Worker } from "../../sched/worker";
import { Segment } from "./chain";

export * from "./virtio.testing";
export { releaseAll } from "../../lib/lock";
export { netFaulted } from "./net-transmit";
export { netControl } from "./net-control";
export { netConfig, netCreate, netDestroy, netQueues, netUnplug } from "./net";
export { portCounters, portSetRate, portSpend } from "../../backend/net/port";
export { portCreate, portDestroy, switchByName, switchCount } from "../../backend/net/switch";
export { switchUplink, uplinkReceive } from "../../backend/net/uplink";
export { nicFail, nicSent } from "../../host/virtio/net";
export { setClock } from "../../host/clock";
export { timersExpire, timersNext } from "../../host/timers";

/** Text for nicFail. */
export const WHY: usize = changetype<usize>("is pulled");
export const SETTINGS_STATUS: u32 = offsetof<PortSettings>("status");

/** Room for counters. */
export function testCounters(): usize {
  return allocate(offsetof<PortPair>());
}

/** Room for settings; filled by the test, in the order of the fields. */
export function testSettings(): usize {
  return allocate(offsetof<PortSettings>());
}

const ENTRIES: u32 = 128;
const SEGMENTS: u32 = 24;

/** The host's NIC whose registers are at `hva`, brought up without interrupts and receive buffers; 0 if it does not come up. */
export function testNic(hva: u64, mtu: u32): usize {
  const device = changetype<HostVirtio>(allocate(offsetof<HostVirtio>()));
  device.registers = hva;
  const nic = changetype<HostNic>(allocate(offsetof<HostNic>()));
  lockInit(nic, RANK_MEMORY);
  if (virtioBegin(device, u64.MAX_VALUE) != 0) return 0;
  nic.device = device;
  nic.receiving = queueMake(device, 0, ENTRIES, 1);
  nic.sending = queueMake(device, 1, ENTRIES, SEGMENTS);
  nic.worker = changetype<Worker>(allocate(offsetof<Worker>(), 64));
  nic.records = allocate(ENTRIES * offsetof<FrameRecord>());
  for (let i: u32 = 0; i < ENTRIES; i++) frameRecord(nic, i).deadline = u64.MAX_VALUE;
  nic.maxSegments = nic.sending.most - 1;
  nic.features = device.features;
  nic.mtu = mtu;
  hostNicAdd(nic);
  virtioGo(device);
  return changetype<usize>(nic);
}

// @lock none: tests have one hart.
let echo: usize = 0;
let echoes: u32 = 0;

/** Frames that testEcho's frame has become. */
export function testEchoes(): u32 {
  return echoes;
}

/** Sends a frame, and another whenever one is sent, up to 1000: as other harts do meanwhile. */
export function testEcho(nic: HostNic): void {
  const frame = changetype<HostFrame>(allocate(offsetof<HostFrame>()));
  frame.header = allocate(128);
  frame.segments = allocate(offsetof<Segment>());
  changetype<Segment>(frame.segments).hpa = hpaOf(frame.header);
  changetype<Segment>(frame.segments).length = 64;
  frame.count = 1;
  frame.done = changetype<u32>(again.index);
  frame.owner = changetype<usize>(nic);
  echo = changetype<usize>(frame);
  echoes = 0;
  again(changetype<usize>(nic));
}

function again(nic: usize): void {
  echoes += 1;
  if (echoes < 1000) hostNicSend(changetype<HostNic>(nic), changetype<HostFrame>(echo));
}
