// SPDX-License-Identifier: Apache-2.0
// Brings the host's VirtIO NICs up: features, queues, address. Boot hart only, after virtioFind; buffers for what comes in
// are there once somebody wants it (net-receive.ts). A NIC that does not come up is left out, and said so.
// @spec virtio 1.2 §5.1
import { lockInit, RANK_MEMORY } from "../../lib/lock";
import { print, printByte, printDec } from "../../lib/print";
import { Status } from "../../lib/status";
import { Segment } from "../../dev/virtio/chain";
import { allocate } from "../../mem/arena";
import { Worker, workerInit } from "../../sched/worker";
import { nameHostInterrupt } from "../interrupts";
import { virtioNext } from "./find";
import {
  FrameRecord,
  frameRecord,
  HostNic,
  hostNicAdd,
  hostNicCount,
  MAX_HOST_NICS,
  nicInterrupt,
  nicsWatch,
} from "./net";
import { MAX_PARTS, nicWork } from "./net-receive";
import { QUEUE_MOST, queueBytes, queueMake } from "./queue";
import {
  VIRTIO_F_EVENT,
  VIRTIO_F_INDIRECT,
  VIRTIO_NET_CFG_MAC,
  VIRTIO_NET_CFG_MTU,
  VIRTIO_NET_CSUM,
  VIRTIO_NET_GUEST_CSUM,
  VIRTIO_NET_MAC,
  VIRTIO_NET_MERGE,
  VIRTIO_NET_MTU,
  VIRTIO_NET_TSO4,
  VIRTIO_NET_TSO6,
  VIRTIO_NIC,
} from "./spec";
import {
  config16,
  config8,
  HostVirtio,
  virtioBegin,
  virtioGiveUp,
  virtioGo,
  virtioHas,
  virtioInterrupts,
} from "./transport";
import { watchAdd } from "./watch";

/** Frames under way, and segments of one with its header. */
const ENTRIES: u32 = 128;
const SEGMENTS: u32 = 24;
const MTU: u32 = 1500;
const MTU_LEAST: u32 = 68;
/** 52:54:00:54:31, and the NIC's number: for devices that have no address. */
const MAC: u64 = 0x31_5400_5452;
const MAC_BYTES: u32 = 6;
/** As the pumps of consoles. */
const PRIORITY: u32 = 6;
const FEATURES: u64 =
  (1 << VIRTIO_NET_CSUM) |
  (1 << VIRTIO_NET_GUEST_CSUM) |
  (1 << VIRTIO_NET_MTU) |
  (1 << VIRTIO_NET_MAC) |
  (1 << VIRTIO_NET_TSO4) |
  (1 << VIRTIO_NET_TSO6) |
  (1 << VIRTIO_NET_MERGE) |
  (1 << VIRTIO_F_INDIRECT) |
  (1 << VIRTIO_F_EVENT);
/** A NIC's own part of linear memory: the header of a frame, its segments, its buffers. */
const HEADER_ROOM: usize = 16;
const SCRATCH: usize = HEADER_ROOM + <usize>MAX_PARTS * (offsetof<Segment>() + sizeof<u32>());

function next(after: HostVirtio): HostVirtio {
  return virtioNext(VIRTIO_NIC, after);
}

/** Boot, after virtioFind: bytes of the arena that nicsStart takes. */
export function nicsBytes(): u32 {
  let nics: u32 = 0;
  for (let at = next(changetype<HostVirtio>(0)); changetype<usize>(at); at = next(at)) nics += 1;
  const own = ENTRIES * offsetof<FrameRecord>() + offsetof<HostNic>() + offsetof<Worker>() + <u32>SCRATCH + 128;
  return min(nics, MAX_HOST_NICS) * (queueBytes(ENTRIES, SEGMENTS) + queueBytes(QUEUE_MOST, 1) + own);
}

/** Boot, once interrupt controller, timers and scheduler work. */
export function nicsStart(): void {
  let at = next(changetype<HostVirtio>(0));
  if (changetype<usize>(at)) watchAdd(changetype<u32>(nicsWatch.index));
  for (; changetype<usize>(at) && hostNicCount() < MAX_HOST_NICS; at = next(at)) {
    if (start(at) == Status.Ok) continue;
    virtioGiveUp(at);
    print("a virtio NIC of the host's does not start and is not used\n");
  }
}

function start(device: HostVirtio): i32 {
  const nic = changetype<HostNic>(allocate(offsetof<HostNic>()));
  const worker = changetype<Worker>(allocate(offsetof<Worker>(), 64));
  const scratch = allocate(SCRATCH);
  if (!changetype<usize>(nic) || !changetype<usize>(worker) || !scratch) return Status.NoMemory;
  lockInit(nic, RANK_MEMORY);
  nic.device = device;
  nic.worker = worker;
  nic.header = scratch;
  nic.segments = scratch + HEADER_ROOM;
  nic.parts = nic.segments + <usize>MAX_PARTS * offsetof<Segment>();
  let status = virtioBegin(device, FEATURES);
  if (status == Status.Ok) {
    status = virtioInterrupts(device, changetype<u32>(nicInterrupt.index), changetype<usize>(nic));
  }
  if (status != Status.Ok) return status;
  nameHostInterrupt("nic");
  nic.receiving = queueMake(device, 0, QUEUE_MOST, 1);
  nic.sending = queueMake(device, 1, ENTRIES, SEGMENTS);
  nic.records = allocate(ENTRIES * offsetof<FrameRecord>());
  if (!changetype<usize>(nic.receiving) || !changetype<usize>(nic.sending) || !nic.records) return Status.Unsupported;
  // A frame needs two: its header and the rest.
  if (nic.sending.most < 2) return Status.Unsupported;
  for (let i: u32 = 0; i < ENTRIES; i++) frameRecord(nic, i).deadline = u64.MAX_VALUE;
  nic.maxSegments = nic.sending.most - 1;
  nic.features = device.features;
  readConfig(nic);
  status = workerInit(worker, changetype<u32>(nicWork.index), changetype<usize>(nic), PRIORITY);
  if (status != Status.Ok) return status;
  hostNicAdd(nic);
  virtioGo(device);
  announce(nic);
  return Status.Ok;
}

function readConfig(nic: HostNic): void {
  const device = nic.device;
  nic.mac = MAC | ((<u64>hostNicCount()) << 40);
  if (virtioHas(device, VIRTIO_NET_MAC)) {
    nic.mac = 0;
    for (let i: u32 = MAC_BYTES; i != 0; i--) nic.mac = (nic.mac << 8) | config8(device, VIRTIO_NET_CFG_MAC + i - 1);
  }
  const mtu = virtioHas(device, VIRTIO_NET_MTU) ? config16(device, VIRTIO_NET_CFG_MTU) : 0;
  nic.mtu = mtu < MTU_LEAST ? MTU : mtu;
}

/** One line: `nic0: 525400123456, MTU 1500`. */
function announce(nic: HostNic): void {
  print("nic");
  printDec(nic.index);
  print(": ");
  printMac(nic.mac);
  print(", MTU ");
  printDec(nic.mtu);
  print("\n");
}

function printMac(mac: u64): void {
  for (let i: u32 = 0; i < MAC_BYTES; i++) {
    if (i) print(":");
    const byte = (<u32>(mac >> (i << 3))) & 0xff;
    printByte(digit(byte >> 4));
    printByte(digit(byte & 15));
  }
}

function digit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
