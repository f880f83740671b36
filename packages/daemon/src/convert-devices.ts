// SPDX-License-Identifier: Apache-2.0
// From the channel's records of disks and networks to the API's. Pure; part of convert.ts.
import * as wire from "@typeone/protocol";
import type {
  DeviceState,
  DiskCounters,
  DiskInfo,
  HostDiskInfo,
  NetInfo,
  NicInfo,
  PacketCounters,
  SwitchInfo,
} from "./api-devices.ts";

const SECTOR = 512;
const SOURCES = ["unknown", "host", "module", "blob", "memory"] as const;
const DRIVER_OK = 4;
const DRIVER_FAILED = 128;
const FLAG = wire.WireDeviceFlag;

const has = (flags: number, flag: number): boolean => (flags & flag) !== 0;

function stateOf(flags: number): DeviceState {
  if (has(flags, FLAG.Failed)) return "failed";
  if (has(flags, FLAG.Broken)) return "broken";
  return has(flags, FLAG.Leaving) ? "leaving" : "ok";
}

function driverOf(status: number): DiskInfo["driver"] {
  if (status & DRIVER_FAILED) return "failed";
  if (status & DRIVER_OK) return "ready";
  return status === 0 ? "none" : "found";
}

/** 7 → "00:00.7"; a slot of the MMIO bus is its number. */
export function slotText(bus: number, slot: number): string {
  if (bus === wire.WireBus.Mmio) return String(slot);
  const two = (value: number): string => value.toString(16).padStart(2, "0");
  return `${two((slot >> 8) & 0xff)}:${two((slot >> 3) & 0x1f)}.${slot & 7}`;
}

/** Its first byte is in bits 47 to 40. */
export function macText(mac: bigint): string {
  return (mac.toString(16).padStart(12, "0").slice(-12).match(/../g) ?? []).join(":");
}

const limit = <K extends string>(name: K, value: bigint | number): Partial<Record<K, number>> =>
  (Number(value) === 0 ? {} : { [name]: Number(value) }) as Partial<Record<K, number>>;

type Place = Pick<wire.DiskInfo, "index" | "flags" | "bus" | "slot" | "queues" | "driver">;

const place = ({ index, flags, bus, slot, queues, driver }: Place, guest: string) => ({
  guest,
  index,
  state: stateOf(flags),
  attached: has(flags, FLAG.Attached),
  bus: bus === wire.WireBus.Mmio ? ("mmio" as const) : ("pci" as const),
  slot: slotText(bus, slot),
  queues,
  driver: driverOf(driver),
});

type WireBlocks = Pick<wire.DiskInfo, "inFlight" | keyof Omit<DiskCounters, "inFlight">>;

const blocks = (from: WireBlocks): DiskCounters => ({
  inFlight: from.inFlight,
  reads: Number(from.reads),
  readBytes: Number(from.readBytes),
  writes: Number(from.writes),
  writeBytes: Number(from.writeBytes),
  flushes: Number(from.flushes),
  discards: Number(from.discards),
  errors: Number(from.errors),
});

const packets = (from: Pick<wire.NetInfo, keyof PacketCounters>): PacketCounters => ({
  rxPackets: Number(from.rxPackets),
  rxBytes: Number(from.rxBytes),
  rxDrops: Number(from.rxDrops),
  txPackets: Number(from.txPackets),
  txBytes: Number(from.txBytes),
  txDrops: Number(from.txDrops),
});

export function toDisk(disk: wire.DiskInfo, guest: string): DiskInfo {
  const overlay = { usedBytes: Number(disk.overlayUsed), limitBytes: Number(disk.overlayLimit) };
  return {
    ...place(disk, guest),
    source: SOURCES[disk.source] ?? "unknown",
    ...(disk.sourceName === "" ? {} : { disk: disk.sourceName }),
    sizeBytes: Number(disk.sectors) * SECTOR,
    firstSector: Number(disk.firstSector),
    readOnly: has(disk.flags, FLAG.ReadOnly),
    serial: disk.serial,
    ...(has(disk.flags, FLAG.Overlay) ? { overlay } : {}),
    ...limit("rate", disk.rate),
    ...limit("iops", disk.iops),
    throttled: Number(disk.throttled),
    ...blocks(disk),
  };
}

export function toHostDisk(disk: wire.HostDiskInfo): HostDiskInfo {
  return {
    name: disk.name === "" ? `disk${disk.index}` : disk.name,
    index: disk.index,
    state: stateOf(disk.flags),
    location: disk.location,
    sizeBytes: Number(disk.sectors) * SECTOR,
    blockBytes: disk.blockSize,
    readOnly: has(disk.flags, FLAG.ReadOnly),
    queues: disk.queues,
    users: disk.users,
    ...blocks(disk),
  };
}

export function toNet(net: wire.NetInfo, guest: string): NetInfo {
  return {
    ...place(net, guest),
    network: net.switchName,
    port: net.port,
    mac: macText(net.mac),
    ...limit("vlan", net.vlan),
    ...limit("mtu", net.mtu),
    isolated: has(net.flags, FLAG.Isolated),
    linkUp: has(net.flags, FLAG.LinkUp),
    ...limit("rate", net.rate),
    throttled: Number(net.throttled),
    ...packets(net),
  };
}

export function toSwitch({ uplink, ...from }: wire.SwitchInfo): SwitchInfo {
  return {
    name: from.name,
    index: from.index,
    ports: from.ports,
    ...(uplink === 0 ? {} : { uplink: `nic${uplink - 1}` }),
    stations: from.stations,
    forwarded: Number(from.forwarded),
    flooded: Number(from.flooded),
    dropped: Number(from.dropped),
  };
}

export function toNic(nic: wire.NicInfo, switches: readonly wire.SwitchInfo[]): NicInfo {
  const network = switches.find(({ index }) => index + 1 === nic.switchIndex)?.name;
  return {
    name: `nic${nic.index}`,
    state: stateOf(nic.flags),
    location: nic.location,
    mac: macText(nic.mac),
    linkUp: has(nic.flags, FLAG.LinkUp),
    queues: nic.queues,
    ...(network === undefined ? {} : { network }),
    ...packets(nic),
  };
}
