// SPDX-License-Identifier: Apache-2.0
// VirtIO as a device of a guest's sees it, beyond tables/devices.ts: features of the rings, what may be in a descriptor,
// where ring fields lie, and the devices that are small: console, entropy, balloon. Read by the generator
// (core/dev/virtio/spec.ts). Data only.
import { count, group, u32 } from "../row.ts";

export const virtioRings = group("Features of the rings, by number (virtio 1.2 §6), status bits (§2.1)", {
  VIRTIO_F_INDIRECT_DESC: count(28, "A descriptor may name a table of descriptors"),
  VIRTIO_F_EVENT_IDX: count(29, "Each side says at which index it wants to be told"),
  VIRTIO_STATUS_NEEDS_RESET: u32(0x40, "The device does nothing until it is reset"),
  VIRTIO_STATUS_WRITABLE: u32(0x8f, "Bits that a driver may set"),
  VIRTIO_ISR_QUEUE: u32(1, "Interrupt status: used buffers"),
  VIRTIO_ISR_CONFIG: u32(2, "Interrupt status: changed configuration"),
});

export const splitRing = group("Split rings (virtio 1.2 §2.7)", {
  VIRTQ_MAX_SIZE: count(32768, "Most entries that a ring can have"),
  VIRTQ_DESC_F_NEXT: u32(1, "The chain goes on at next"),
  VIRTQ_DESC_F_INDIRECT: u32(4, "The buffer is a table of descriptors"),
  VIRTQ_DESC_ALIGN: count(16, "Alignment of the descriptor table"),
  VIRTQ_AVAIL_ALIGN: count(2, "Alignment of the driver's area"),
  VIRTQ_USED_ALIGN: count(4, "Alignment of the device's area"),
  VIRTQ_RING_INDEX: u32(2, "In both areas: where the index is, behind the flags"),
  VIRTQ_RING_ENTRIES: u32(4, "In both areas: where the entries begin"),
  VIRTQ_RING_EXTRA: u32(6, "Bytes of an area besides its entries: flags, index, event index"),
});

export const virtioMmioMore = group("VirtIO over MMIO (virtio 1.2 §4.2.2), what only a device serves", {
  VIRTIO_VENDOR_ID: u32(0x00c, "VendorID"),
  VIRTIO_SHM_SEL: u32(0x0ac, "Which shared memory region"),
  VIRTIO_SHM_LEN_LOW: u32(0x0b0, "Its length and base, 4 words; all ones: there is none"),
  VIRTIO_SHM_END: u32(0x0c0, "Behind them"),
  VIRTIO_QUEUE_RESET: u32(0x0c0, "Resets one queue"),
  VIRTIO_CONFIG_GENERATION: u32(0x0fc, "Changes with the configuration"),
  VIRTIO_CONFIG: u32(0x100, "The device's own configuration"),
});

export const virtioIds = group("Device numbers (virtio 1.2 §5)", {
  VIRTIO_ID_NET: u32(1, "Network"),
  VIRTIO_ID_BLOCK: u32(2, "Block"),
  VIRTIO_ID_RNG: u32(4, "Entropy"),
  VIRTIO_ID_BALLOON: u32(5, "Balloon"),
});

export const console = group("Console (virtio 1.2 §5.3)", {
  VIRTIO_CONSOLE_F_SIZE: count(0, "Columns and rows are known"),
  VIRTIO_CONSOLE_F_MULTIPORT: count(1, "Several ports, and control queues"),
  VIRTIO_CONSOLE_F_EMERG_WRITE: count(2, "A character may be written to the configuration"),
  VIRTIO_CONSOLE_COLS: u32(0, "u16 columns, u16 rows behind it"),
  VIRTIO_CONSOLE_PORTS: u32(4, "u32: most ports"),
  VIRTIO_CONSOLE_EMERG: u32(8, "u32: an emergency character"),
  VIRTIO_CONSOLE_CONFIG: u32(12, "Bytes of the configuration"),
  VIRTIO_CONSOLE_CONTROL_RECEIVE: u32(2, "Queue of control messages to the driver"),
  VIRTIO_CONSOLE_CONTROL_TRANSMIT: u32(3, "Queue of control messages to the device"),
  VIRTIO_CONSOLE_CONTROL_BYTES: count(8, "Of a control message: u32 port, u16 event, u16 value"),
  VIRTIO_CONSOLE_DEVICE_READY: u32(0, "Driver: control queues work (value 1) or not"),
  VIRTIO_CONSOLE_DEVICE_ADD: u32(1, "Device: there is a port"),
  VIRTIO_CONSOLE_DEVICE_REMOVE: u32(2, "Device: the port is gone"),
  VIRTIO_CONSOLE_PORT_READY: u32(3, "Driver: it knows the port"),
  VIRTIO_CONSOLE_CONSOLE_PORT: u32(4, "Device: the port is a console"),
  VIRTIO_CONSOLE_RESIZE: u32(5, "Device: u16 columns, u16 rows behind the message"),
  VIRTIO_CONSOLE_PORT_OPEN: u32(6, "Both: somebody opened (1) or closed (0) the port"),
  VIRTIO_CONSOLE_PORT_NAME: u32(7, "Device: the port's name is behind the message"),
});

export const balloon = group("Balloon (virtio 1.2 §5.5)", {
  VIRTIO_BALLOON_F_MUST_TELL_HOST: count(0, "A page is not used before the device knows"),
  VIRTIO_BALLOON_F_STATS_VQ: count(1, "There is a queue of statistics"),
  VIRTIO_BALLOON_INFLATE: u32(0, "Queue of pages that the guest gives"),
  VIRTIO_BALLOON_DEFLATE: u32(1, "Queue of pages that it takes back"),
  VIRTIO_BALLOON_STATS: u32(2, "Queue of statistics"),
  VIRTIO_BALLOON_NUM_PAGES: u32(0, "u32: pages of 4 KiB that the device wants"),
  VIRTIO_BALLOON_ACTUAL: u32(4, "u32: pages that the guest has given"),
  VIRTIO_BALLOON_CONFIG: u32(8, "Bytes of the configuration"),
  VIRTIO_BALLOON_PFN_SHIFT: count(12, "A page's number is its address in units of 4 KiB"),
  VIRTIO_BALLOON_STAT_BYTES: count(10, "Of a statistic: u16 tag, u64 value"),
  VIRTIO_BALLOON_STAT_TAGS: count(16, "Statistics that we know, by tag"),
});

export const virtioDeviceGroups = [virtioRings, splitRing, virtioMmioMore, virtioIds, console, balloon] as const;
