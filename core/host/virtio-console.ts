// SPDX-License-Identifier: Apache-2.0
// Driver for a virtio console of the host's, port 0 of it: bytes for the management channel, both ways. Found and set up
// at boot. The interrupt only acknowledges; everything else is done by the one worker that owns the port (link.ts), and
// sending under that file's lock. A device that answers nonsense is given up and says so. Never waits. What comes in
// is never lost; QEMU drops what goes out while its socket is full, so whoever asks must ask again.
// @spec virtio 1.2 §5.3
import {
  VIRTIO_CONSOLE_RECEIVE,
  VIRTIO_CONSOLE_TRANSMIT,
  VIRTIO_DEVICE_ID,
  VIRTIO_ID_CONSOLE,
  VIRTIO_MAGIC,
  VIRTIO_MAGIC_VALUE,
  VIRTIO_VERSION,
  VIRTIO_VERSION_MODERN,
  VIRTQ_DESC_F_WRITE,
} from "../dev/spec";
import {
  fdtAddress,
  fdtAvailable,
  fdtBusIsFlat,
  fdtFindCompatible,
  FdtInterrupt,
  fdtInterrupt,
  fdtInterruptCell,
  fdtParent,
  fdtRegOn,
  fdtSibling,
  FdtRange,
} from "../fdt/read";
import * as hw from "../hw";
import { print } from "../lib/print";
import { Status } from "../lib/status";
import { allocate } from "../mem/arena";
import { ownHostInterrupt } from "./interrupts";
import {
  deviceAcknowledge,
  deviceBegin,
  deviceGiveUp,
  deviceGo,
  Queue,
  QUEUE_BROKEN,
  QUEUE_BYTES,
  QUEUE_SIZE,
  queueGive,
  queueHush,
  queueInit,
  queueListen,
  queueNotify,
  queueTake,
} from "./virtio-mmio";

const RECEIVE_BYTES: u32 = 4096;
/** Bytes of registers that we use. */
const REGISTERS: u64 = 0x100;
/** No buffer. */
const NONE: u32 = u32.MAX_VALUE;

// @lock per boot
const range: usize = memory.data(16, 8);
const interrupt: usize = memory.data(16, 8);
let device: u64 = 0;
let irq: u32 = 0;
let trigger: u32 = 0;
let receiveBuffers: usize = 0;
let transmitBuffers: usize = 0;
/** 1 while the device works. */
let works: u32 = 0;
// @lock none: the port's worker.
const receivePtr: usize = memory.data(<i32>offsetof<Queue>(), 8);
/** The buffer that is being read, where, and its end. */
let reading: u32 = NONE;
let readAt: usize = 0;
let readEnd: usize = 0;
/** Buffers were given back that the device was not told of. */
let untold: u32 = 0;
// @lock link
const transmitPtr: usize = memory.data(<i32>offsetof<Queue>(), 8);
/** Buffers that may be filled, one bit each. */
let idle: u32 = 0;

function receiving(): Queue {
  return changetype<Queue>(receivePtr);
}

function transmitting(): Queue {
  return changetype<Queue>(transmitPtr);
}

/** Boot: looks for the first virtio console in the host's tree. False: there is none that can be driven. */
export function portFind(tree: usize): bool {
  const where = changetype<FdtRange>(range);
  let bus: usize = 0;
  let flat: bool = 0;
  let before: usize = 0;
  for (
    let node = fdtFindCompatible(tree, 0, "virtio,mmio");
    node;
    node = fdtFindCompatible(tree, node, "virtio,mmio")
  ) {
    // They stand next to each other, mostly empty: what is above them is looked for once.
    if (before == 0 || fdtSibling(before) != node) {
      bus = fdtParent(tree, node);
      flat = fdtBusIsFlat(tree, bus);
    }
    before = node;
    const status = flat ? fdtRegOn(tree, bus, node, where) : fdtAddress(tree, node, 0, where);
    if (status != Status.Ok || !fdtAvailable(tree, node)) continue;
    if (where.size < REGISTERS || where.base & 3 || !isConsole(where)) continue;
    const what = changetype<FdtInterrupt>(interrupt);
    if (fdtInterrupt(tree, node, 0, what) != Status.Ok) continue;
    irq = fdtInterruptCell(what, 0);
    trigger = fdtInterruptCell(what, 1);
    return true;
  }
  return false;
}

function isConsole(where: FdtRange): bool {
  const hva = hw.mapDevice(where.base, REGISTERS);
  if (hva == 0 || hw.mmioRead32(hva + VIRTIO_MAGIC) != VIRTIO_MAGIC_VALUE) return false;
  if (hw.mmioRead32(hva + VIRTIO_DEVICE_ID) != VIRTIO_ID_CONSOLE) return false;
  if (hw.mmioRead32(hva + VIRTIO_VERSION) != VIRTIO_VERSION_MODERN) {
    print("the virtio console is a legacy device and is not used (QEMU: -global virtio-mmio.force-legacy=false)\n");
    return false;
  }
  device = hva;
  return true;
}

/** Bytes of the arena that portStart takes for transmit buffers of `most` bytes. */
export function portBytes(most: u32): u32 {
  return QUEUE_SIZE * (RECEIVE_BYTES + most) + 2 * <u32>QUEUE_BYTES + 64;
}

/** Boot, after portFind: sets the device up, with transmit buffers of `most` bytes; `handler` serves its interrupt. */
export function portStart(most: u32, handler: u32): i32 {
  const rings = allocate(2 * QUEUE_BYTES, 16);
  receiveBuffers = allocate(<usize>(QUEUE_SIZE * RECEIVE_BYTES));
  transmitBuffers = allocate(<usize>(QUEUE_SIZE * most));
  if (!rings || !receiveBuffers || !transmitBuffers) return Status.NoMemory;
  prepare(receiving(), VIRTIO_CONSOLE_RECEIVE, RECEIVE_BYTES, rings);
  prepare(transmitting(), VIRTIO_CONSOLE_TRANSMIT, most, rings + QUEUE_BYTES);
  let status = deviceBegin(device);
  if (status == Status.Ok) status = queueInit(receiving(), receiveBuffers, VIRTQ_DESC_F_WRITE);
  if (status == Status.Ok) status = queueInit(transmitting(), transmitBuffers, 0);
  if (status == Status.Ok) status = ownHostInterrupt(irq, trigger, handler, 0);
  if (status != Status.Ok) {
    deviceGiveUp(device);
    return status;
  }
  queueHush(transmitting());
  idle = (1 << QUEUE_SIZE) - 1;
  works = 1;
  deviceGo(device);
  for (let i: u32 = 0; i < QUEUE_SIZE; i++) queueGive(receiving(), i, RECEIVE_BYTES);
  queueNotify(receiving());
  return status;
}

function prepare(queue: Queue, number: u32, capacity: u32, rings: usize): void {
  queue.device = device;
  queue.number = number;
  queue.capacity = capacity;
  queue.rings = rings;
}

/** Trap: the device wants something; wake the worker. */
export function portAcknowledge(): void {
  deviceAcknowledge(device);
}

/** Does the port work? */
export function portWorks(): bool {
  return works != 0;
}

/** Address of received bytes, up to portEnd(); 0 if there are none now. Say with portTaken how many were used. */
export function portBytesAt(): usize {
  for (let i: u32 = 0; i < QUEUE_SIZE && reading == NONE && works != 0; i++) {
    const buffer = queueTake(receiving());
    if (buffer < 0) {
      if (buffer == QUEUE_BROKEN) giveUp();
      // Nothing more for now: the device learns of the buffers that came back meanwhile.
      else if (untold) tell();
      return 0;
    }
    reading = buffer;
    readEnd = receiveBuffers + <usize>(reading * RECEIVE_BYTES) + receiving().length;
    portTaken(receiveBuffers + <usize>(reading * RECEIVE_BYTES));
  }
  return works != 0 && reading != NONE ? readAt : 0;
}

export function portEnd(): usize {
  return readEnd;
}

/** The bytes before `at` are used; behind the last one the buffer goes back to the device. */
export function portTaken(at: usize): void {
  readAt = at;
  if (at < readEnd) return;
  queueGive(receiving(), reading, RECEIVE_BYTES);
  reading = NONE;
  untold += 1;
  if (untold >= QUEUE_SIZE / 2) tell();
}

function tell(): void {
  untold = 0;
  queueNotify(receiving());
}

/** Transmit buffers that are free now. */
export function portRoom(): u32 {
  for (let i: u32 = 0; i < QUEUE_SIZE && works != 0; i++) {
    const buffer = queueTake(transmitting());
    if (buffer == QUEUE_BROKEN) giveUp();
    if (buffer < 0) break;
    idle |= 1 << buffer;
  }
  return works ? popcnt<u32>(idle) : 0;
}

/** The free buffer that portSend sends next; only while portRoom() is not 0. */
export function portBuffer(): usize {
  return transmitBuffers + <usize>(ctz<u32>(idle) * transmitting().capacity);
}

/** Sends the first `length` bytes of portBuffer(). */
export function portSend(length: u32): void {
  const buffer = ctz<u32>(idle);
  idle &= ~(1 << buffer);
  queueGive(transmitting(), buffer, length);
  queueNotify(transmitting());
}

/** Interrupt when a transmit buffer comes free; look at portRoom once more afterwards. */
export function portWantRoom(): void {
  queueListen(transmitting());
}

/** There is room: no interrupt for it any more. */
export function portHasRoom(): void {
  queueHush(transmitting());
}

function giveUp(): void {
  if (!works) return;
  works = 0;
  deviceGiveUp(device);
  print("the management channel's virtio console answers nonsense and is not used any more\n");
}
