// SPDX-License-Identifier: Apache-2.0
// The part of the protocol that is about disks and networks: records of guests' devices, of the host's, and of switches, and
// the requests that attach, detach and limit a guest's device. Part of protocol.ts, which has the operations.
import { type Struct, text, u32, u64 } from "./wire-types.ts";

export const DEVICE_ENUMS = {
  WireDevice: { doc: "Kinds of a guest's devices that come and go", values: { Disk: 1, Net: 2 } },
  WireDiskSource: { doc: "What a guest's disk is made of", values: { Host: 1, Module: 2, Blob: 3, Memory: 4 } },
  WireBus: { doc: "How a guest finds a device", values: { Pci: 0, Mmio: 1 } },
  WireDeviceFlag: {
    doc: "Bits of `flags` of devices, of guests and of the host",
    values: {
      ReadOnly: 1,
      Overlay: 2,
      Attached: 4,
      Leaving: 8,
      Failed: 16,
      Broken: 32,
      Isolated: 64,
      LinkUp: 128,
    },
  },
} as const;

const FLAGS = "WireDeviceFlag: bits. Broken: the guest's driver broke its rings, and has to reset the device";
const DRIVER = "VirtIO device status as the driver wrote it";

const place = {
  guest: u32("Id"),
  generation: u32("Of the guest"),
  index: u32("N of disk@N or net@N"),
  flags: u32(FLAGS),
  bus: u32("WireBus"),
  slot: u32("PCI: bus << 8 | device << 3 | function; MMIO: slot"),
  queues: u32("Request queues, or pairs of queues"),
  driver: u32(DRIVER),
} as const;

const packets = {
  rxPackets: u64("Packets that it received"),
  rxBytes: u64("Bytes of them"),
  rxDrops: u64("Packets for it that were dropped"),
  txPackets: u64("Packets that it sent"),
  txBytes: u64("Bytes of them"),
  txDrops: u64("Packets of it that were dropped"),
} as const;

const blocks = {
  reads: u64("Reads that were carried out"),
  readBytes: u64("Bytes of them"),
  writes: u64("Writes that were carried out"),
  writeBytes: u64("Bytes of them"),
  flushes: u64("Flushes that were carried out"),
  discards: u64("Discards and write-zeroes that were carried out"),
  errors: u64("Requests that failed"),
} as const;

export const DEVICE_STRUCTS = {
  DeviceFrom: {
    doc: "Devices of a guest whose index is at least `from`.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation or 0"),
      from: u32("Least index wanted"),
      reserved: u32("0"),
    },
  },
  DiskInfo: {
    doc: "A disk of a guest.",
    fields: {
      ...place,
      source: u32("WireDiskSource"),
      inFlight: u32("Requests that are under way"),
      sectors: u64("Sectors of 512 bytes that the guest sees"),
      firstSector: u64("Where they begin in the source"),
      overlayUsed: u64("Bytes of its copy-on-write layer"),
      overlayLimit: u64("Most bytes of it, 0 if it has none"),
      rate: u64("Limit in bytes a second, 0 for none"),
      iops: u64("Limit in requests a second, 0 for none"),
      throttled: u64("Requests that a limit made wait"),
      ...blocks,
      sourceName: text(24, "The host disk's name, if it is of one"),
      serial: text(24, "What the guest reads as serial"),
    },
  },
  HostDiskInfo: {
    doc: "A disk of the host.",
    fields: {
      index: u32("0 and up, in the order of discovery"),
      flags: u32(FLAGS),
      queues: u32("Queues that the driver uses"),
      inFlight: u32("Requests that are under way"),
      users: u32("Guests' disks that are made of it"),
      blockSize: u32("Bytes of a block of its own"),
      sectors: u64("Sectors of 512 bytes"),
      ...blocks,
      name: text(24, "Its serial"),
      location: text(24, "Where it was found: pci 00:08.0, mmio 0x10008000"),
    },
  },
  NetInfo: {
    doc: "A network interface of a guest: a port of a switch.",
    fields: {
      ...place,
      switchIndex: u32("Index of the switch"),
      port: u32("Port of it"),
      vlan: u32("VLAN of its packets, 0 if untagged"),
      mtu: u32("Largest packet, 0 if not told to the guest"),
      mac: u64("Address, its first byte in bits 47 to 40"),
      rate: u64("Limit of what it sends in bytes a second, 0 for none"),
      throttled: u64("Packets that the limit made wait"),
      ...packets,
      switchName: text(16, "Name of the switch"),
    },
  },
  SwitchInfo: {
    doc: "A switch.",
    fields: {
      index: u32("0 and up"),
      ports: u32("Guests' ports"),
      uplink: u32("1 + index of the NIC, 0 for none"),
      stations: u32("Addresses that it has learned"),
      forwarded: u64("Packets to one port"),
      flooded: u64("Packets to all ports"),
      dropped: u64("Packets to none"),
      name: text(16, "Name"),
    },
  },
  NicInfo: {
    doc: "A network interface of the host.",
    fields: {
      index: u32("0 and up, in the order of discovery"),
      flags: u32(FLAGS),
      queues: u32("Pairs of queues that the driver uses"),
      switchIndex: u32("1 + index of the switch that it is the uplink of, 0 for none"),
      mac: u64("Address, its first byte in bits 47 to 40"),
      ...packets,
      location: text(24, "Where it was found"),
    },
  },
  DeviceAttach: {
    doc: "Gives a guest a device; a flattened tree follows whose root holds one node disk@N or net@N.",
    fields: { guest: u32("Id"), generation: u32("Generation"), kind: u32("WireDevice"), reserved: u32("0") },
  },
  DeviceAttached: {
    doc: "The new device.",
    fields: { index: u32("Its index among its kind"), slot: u32("Where the guest finds it, as in DiskInfo") },
  },
  DeviceDetach: {
    doc: "Takes a device away: the guest is asked to let go of it, or not even asked. The list tells when it is gone.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation"),
      kind: u32("WireDevice"),
      index: u32("Among its kind"),
      force: u32("1 to take it at once"),
      reserved: u32("0"),
    },
  },
  DeviceLimits: {
    doc: "Changes a device's limits.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation"),
      kind: u32("WireDevice"),
      index: u32("Among its kind"),
      rate: u64("Bytes a second, 0 for none"),
      iops: u64("Requests a second, 0 for none; of a disk"),
      overlayLimit: u64("Most bytes of a disk's copy-on-write layer, 0 to leave it"),
    },
  },
} as const satisfies Record<string, Struct>;
