// SPDX-License-Identifier: Apache-2.0
// What the hypervisor's own drivers know of PCI functions and of VirtIO devices beyond tables/devices.ts: configuration
// space, the PCI transport, block and network devices. Read by the generator (core/host/virtio/spec.ts) and by the
// simulated devices. Data only.
import { count, group, u32 } from "../row.ts";

export const pciFunction = group("PCI configuration space (PCI 3.0 §6; PCI Express 5.0 §7)", {
  PCI_ID: u32(0x00, "Vendor below, device above"),
  PCI_NONE: u32(0xffff, "Vendor of a function that is not there"),
  PCI_COMMAND: u32(0x04, "Command below, status above"),
  PCI_COMMAND_MEMORY: u32(0x0002, "Answers in its memory windows"),
  PCI_COMMAND_MASTER: u32(0x0004, "May reach memory, and send messages"),
  PCI_COMMAND_INTX_OFF: u32(0x0400, "Drives no interrupt line"),
  PCI_STATUS_CAPABILITIES: u32(0x0010, "There is a list of capabilities"),
  PCI_HEADER_TYPE: u32(0x0e, "Low 7 bits: 0 a device, 1 a bridge; bit 7: it has more functions"),
  PCI_BAR: u32(0x10, "First of six base addresses"),
  PCI_BAR_IO: u32(0x1, "An I/O window"),
  PCI_BAR_64: u32(0x4, "A memory window of 64 bits, which takes two"),
  PCI_BAR_FLAGS: u32(0xf, "What is not address"),
  PCI_SUBSYSTEM: u32(0x2c, "Subsystem vendor below, subsystem above"),
  PCI_CAPABILITIES: u32(0x34, "Where the list of capabilities begins"),
  PCI_INTERRUPT: u32(0x3c, "Line, and in the second byte the pin, 1 to 4; 0 is none"),
  PCI_CAP_VENDOR: u32(0x09, "A vendor's capability"),
  PCI_CAP_MSIX: u32(0x11, "MSI-X: control at 2, table at 4"),
  PCI_MSIX_ENABLE: u32(0x8000, "Of control: on"),
  PCI_MSIX_MASK_ALL: u32(0x4000, "Of control: every vector is masked"),
  PCI_MSIX_BIR: u32(0x7, "Of table: which base address; the rest is the offset"),
});

export const pciBridge = group("PCI host bridges in device trees (IEEE 1275 PCI bus binding §2.2.1.1)", {
  PCI_SPACE_MASK: u32(0x0300_0000, "Kind of space in the first cell of an address"),
  PCI_SPACE_MEMORY: u32(0x0200_0000, "Memory below 4 GiB"),
  PCI_SPACE_MEMORY_64: u32(0x0300_0000, "Memory anywhere"),
});

export const virtioPci = group("VirtIO over PCI (virtio 1.2 §4.1)", {
  VIRTIO_PCI_VENDOR: u32(0x1af4, "Vendor"),
  VIRTIO_PCI_TRANSITIONAL: u32(0x1000, "First device number; transitional: which device is the subsystem's number"),
  VIRTIO_PCI_MODERN: u32(0x1040, "Device number of device 0"),
  VIRTIO_PCI_LAST: u32(0x107f, "Last device number"),
  VIRTIO_PCI_CAP_COMMON: u32(1, "Capability: common configuration"),
  VIRTIO_PCI_CAP_NOTIFY: u32(2, "Capability: notifications, its multiplier at 16"),
  VIRTIO_PCI_CAP_ISR: u32(3, "Capability: interrupt status"),
  VIRTIO_PCI_CAP_DEVICE: u32(4, "Capability: the device's own configuration"),
  VIRTIO_PCI_DEVICE_FEATURE_SELECT: u32(0x00, "u32"),
  VIRTIO_PCI_DEVICE_FEATURE: u32(0x04, "u32"),
  VIRTIO_PCI_DRIVER_FEATURE_SELECT: u32(0x08, "u32"),
  VIRTIO_PCI_DRIVER_FEATURE: u32(0x0c, "u32"),
  VIRTIO_PCI_CONFIG_VECTOR: u32(0x10, "u16"),
  VIRTIO_PCI_STATUS: u32(0x14, "u8"),
  VIRTIO_PCI_GENERATION: u32(0x15, "u8"),
  VIRTIO_PCI_QUEUE_SELECT: u32(0x16, "u16"),
  VIRTIO_PCI_QUEUE_SIZE: u32(0x18, "u16"),
  VIRTIO_PCI_QUEUE_VECTOR: u32(0x1a, "u16"),
  VIRTIO_PCI_QUEUE_ENABLE: u32(0x1c, "u16"),
  VIRTIO_PCI_QUEUE_NOTIFY_OFF: u32(0x1e, "u16"),
  VIRTIO_PCI_QUEUE_DESC: u32(0x20, "u64; the driver's and the device's area follow"),
  VIRTIO_PCI_COMMON_BYTES: u32(0x38, "All of it"),
});

export const virtioDriver = group("VirtIO: what only a driver needs (virtio 1.2 §2, §4.2, §6)", {
  VIRTIO_CONFIG_GENERATION: u32(0x0fc, "MMIO: changes when the configuration does"),
  VIRTIO_CONFIG: u32(0x100, "MMIO: the device's own configuration"),
  VIRTIO_CAUSE_QUEUE: u32(1, "Interrupt status: used buffers"),
  VIRTIO_CAUSE_CONFIG: u32(2, "Interrupt status: the configuration"),
  VIRTIO_STATUS_NEEDS_RESET: u32(0x40, "The device is in a state that it cannot recover from"),
  VIRTIO_F_INDIRECT: count(28, "Number of the feature: indirect descriptors"),
  VIRTIO_F_PLATFORM: count(33, "Number of the feature: reaches memory as the platform says, as we do"),
  VIRTIO_F_ORDER: count(36, "Number of the feature: needs the platform's barriers, which ours are"),
  VIRTIO_F_EVENT: count(29, "Number of the feature: event index"),
  VIRTQ_NEXT: u32(1, "Descriptor: it goes on"),
  VIRTQ_WRITE: u32(2, "Descriptor: the device writes it"),
  VIRTQ_INDIRECT: u32(4, "Descriptor: it is a table of descriptors"),
});

export const virtioBlock = group("VirtIO block device (virtio 1.2 §5.2), offsets in its configuration", {
  VIRTIO_BLOCK: u32(2, "DeviceID"),
  VIRTIO_BLK_SEG_MAX: count(2, "Feature: most segments of a request"),
  VIRTIO_BLK_RO: count(5, "Feature: read-only"),
  VIRTIO_BLK_FLUSH: count(9, "Feature: flush"),
  VIRTIO_BLK_DISCARD: count(13, "Feature: discard"),
  VIRTIO_BLK_ZEROES: count(14, "Feature: write zeroes"),
  VIRTIO_BLK_CFG_CAPACITY: u32(0, "u64, sectors of 512 bytes"),
  VIRTIO_BLK_CFG_SEG_MAX: u32(12, "u32"),
  VIRTIO_BLK_CFG_DISCARD: u32(36, "u32, most sectors of a discard"),
  VIRTIO_BLK_CFG_ZEROES: u32(48, "u32, most sectors of a write of zeroes"),
  VIRTIO_BLK_IN: u32(0, "Request: read"),
  VIRTIO_BLK_OUT: u32(1, "Request: write"),
  VIRTIO_BLK_T_FLUSH: u32(4, "Request: flush"),
  VIRTIO_BLK_T_GET_ID: u32(8, "Request: serial"),
  VIRTIO_BLK_T_DISCARD: u32(11, "Request: discard"),
  VIRTIO_BLK_T_ZEROES: u32(13, "Request: write zeroes"),
  VIRTIO_BLK_ID_BYTES: count(20, "Bytes of a serial"),
  VIRTIO_BLK_S_OK: u32(0, "Status: done"),
  VIRTIO_BLK_S_UNSUPPORTED: u32(2, "Status: not supported"),
});

export const virtioNet = group("VirtIO network device (virtio 1.2 §5.1), offsets in its configuration", {
  VIRTIO_NIC: u32(1, "DeviceID"),
  VIRTIO_NET_CSUM: count(0, "Feature: takes frames without checksum"),
  VIRTIO_NET_GUEST_CSUM: count(1, "Feature: the driver takes frames without checksum"),
  VIRTIO_NET_MTU: count(3, "Feature: says its MTU"),
  VIRTIO_NET_MAC: count(5, "Feature: says its address"),
  VIRTIO_NET_TSO4: count(11, "Feature: takes long TCP segments over IPv4"),
  VIRTIO_NET_TSO6: count(12, "Feature: and over IPv6"),
  VIRTIO_NET_MERGE: count(15, "Feature: a received frame may be in several buffers"),
  VIRTIO_NET_CFG_MAC: u32(0, "6 bytes"),
  VIRTIO_NET_CFG_MTU: u32(10, "u16"),
  VIRTIO_NET_HEADER: count(12, "Bytes before each frame; at 10 is the number of buffers, u16"),
});

export const hostVirtioGroups = [pciFunction, pciBridge, virtioPci, virtioDriver, virtioBlock, virtioNet] as const;
