// SPDX-License-Identifier: Apache-2.0
// What a guest's PCI functions have beyond what the hypervisor's own drivers use (host-virtio.ts): bridges, MSI-X
// entries, the PCI Express capability with its slot. Read by the generator (core/dev/pci/spec.ts). Data only.
import { count, group, u32 } from "../row.ts";
import { pciFunction, virtioPci } from "./host-virtio.ts";

export const pciHeader = group("PCI configuration space of a function that is emulated (PCI 3.0 §6)", {
  PCI_BYTES: count(256, "Bytes of a configuration space without the extended part"),
  PCI_STATUS: u32(0x06, "Status"),
  PCI_STATUS_INTERRUPT: u32(0x0008, "Of status: it wants to interrupt by its line"),
  PCI_CLASS: u32(0x08, "Revision below, class above"),
  PCI_CACHE_LINE: u32(0x0c, "Cache line size, a byte that software may use"),
  PCI_HEADER_BRIDGE: u32(1, "Header type of a bridge"),
  PCI_PIN_A: u32(1, "Interrupt pin INTA"),
  PCI_MSIX_PBA: u32(0x08, "Of the MSI-X capability: where the pending bits are"),
  MSIX_ENTRY_BYTES: count(16, "Bytes of an entry of the MSI-X table: address, data, control"),
  MSIX_ENTRY_DATA: u32(0x08, "Data of an entry"),
  MSIX_ENTRY_CONTROL: u32(0x0c, "Control of an entry"),
  MSIX_ENTRY_MASKED: u32(1, "Of an entry's control: no message goes out"),
});

export const virtioFunction = group("VirtIO over PCI as the device has it (virtio 1.2 §4.1)", {
  VIRTIO_PCI_CAP_BYTES: count(16, "Bytes of a capability"),
  VIRTIO_PCI_CAP_PCI: u32(5, "Capability: access to the others through configuration space"),
  VIRTIO_PCI_CAP_TYPE: u32(0x03, "Of a capability: which structure"),
  VIRTIO_PCI_CAP_BAR: u32(0x04, "Of a capability: which base address"),
  VIRTIO_PCI_CAP_OFFSET: u32(0x08, "Of a capability: where in it, u32"),
  VIRTIO_PCI_CAP_LENGTH: u32(0x0c, "Of a capability: how long, u32"),
  VIRTIO_PCI_CAP_MORE: u32(0x10, "Of a capability: the notification's multiplier, or the data"),
  VIRTIO_PCI_QUEUES: u32(0x12, "u16, number of queues"),
  VIRTIO_PCI_REVISION: u32(1, "Least revision of a modern device"),
  VIRTIO_PCI_SUBSYSTEM: u32(0x1100, "Subsystem of a modern device, 0x40 or higher"),
});

export const pciPort = group("PCI Express root ports (PCI Express 5.0 §7.5)", {
  PORT_VENDOR: u32(0x1b36, "Vendor of the generic root port"),
  PORT_DEVICE: u32(0x000c, "Its device number"),
  PORT_CLASS: u32(0x06_0400, "Bridge between PCI buses"),
  PORT_BUSES: u32(0x18, "Primary, secondary and subordinate bus"),
  PORT_MEMORY: u32(0x20, "Memory window: base below, limit above"),
  PORT_CONTROL: u32(0x3e, "Bridge control"),
  PORT_CONTROL_RESET: u32(0x0040, "Of bridge control: resets what is behind"),
  PCI_CAP_EXPRESS: u32(0x10, "PCI Express capability"),
  EXPRESS_FLAGS: u32(0x02, "Version, type"),
  EXPRESS_ENDPOINT: u32(0x0001, "Of flags: version 1, an endpoint"),
  EXPRESS_PORT: u32(0x0141, "Of flags: version 1, a root port with a slot"),
  EXPRESS_DEVICE: u32(0x04, "Device capabilities"),
  EXPRESS_ERRORS_BY_ROLE: u32(0x8000, "Of device capabilities: an error is reported by its role (since version 1.1)"),
  EXPRESS_DEVICE_CONTROL: u32(0x08, "Device control; status above"),
  EXPRESS_LINK: u32(0x0c, "Link capabilities"),
  EXPRESS_LINK_CONTROL: u32(0x10, "Link control; status above"),
  EXPRESS_LINK_STATUS: u32(0x12, "Link status"),
  EXPRESS_LINK_OFF: u32(0x0010, "Of link control: the link is disabled"),
  EXPRESS_LINK_SPEED: u32(0x0011, "Of link capabilities and status: one lane, 2.5 GT/s"),
  EXPRESS_LINK_REPORTS: u32(0x0010_0000, "Of link capabilities: status says whether the link is up"),
  EXPRESS_LINK_UP: u32(0x2000, "Of link status: the link is up"),
  EXPRESS_SLOT: u32(0x14, "Slot capabilities"),
  EXPRESS_SLOT_CONTROL: u32(0x18, "Slot control; status above"),
  EXPRESS_SLOT_STATUS: u32(0x1a, "Slot status"),
  EXPRESS_BYTES: count(0x24, "Bytes of a capability of version 1 with all its parts"),
  SLOT_BUTTON: u32(0x0001, "Of slot capabilities: attention button"),
  SLOT_POWER: u32(0x0002, "Of slot capabilities: power controller"),
  SLOT_INDICATOR: u32(0x0010, "Of slot capabilities: power indicator"),
  SLOT_HOTPLUG: u32(0x0060, "Of slot capabilities: devices come and go, also by surprise"),
  SLOT_SILENT: u32(0x0004_0000, "Of slot capabilities: commands are done at once and without an event"),
  SLOT_NUMBER_SHIFT: count(19, "Of slot capabilities: where the slot's number is"),
  SLOT_CONTROL_BITS: u32(0x1fff, "Of slot control: bits that exist"),
  SLOT_CONTROL_INTERRUPT: u32(0x0020, "Of slot control: events interrupt"),
  SLOT_CONTROL_OFF: u32(0x0400, "Of slot control: no power"),
  SLOT_EVENT_BUTTON: u32(0x0001, "Event (slot control and status): the button was pressed"),
  SLOT_EVENT_PRESENCE: u32(0x0008, "Event: a card came or went"),
  SLOT_EVENT_LINK: u32(0x0100, "Of slot status: the link went up or down"),
  SLOT_CONTROL_LINK: u32(0x1000, "Of slot control: that interrupts"),
  SLOT_EVENTS: u32(0x0109, "Of slot status: events there are, cleared by writing 1"),
  SLOT_PRESENT: u32(0x0040, "Of slot status: there is a card"),
});

export const pciGroups = [pciFunction, pciHeader, virtioPci, virtioFunction, pciPort] as const;
