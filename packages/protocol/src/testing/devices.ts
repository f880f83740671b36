// SPDX-License-Identifier: Apache-2.0
// Disks and networks of the hypervisor that is none: fixed devices of the host, and guests' devices that come with an
// attach and go, a moment later, with a detach. A stubborn guest lets go of nothing unless it is forced.
import type {
  DeviceAttach,
  DeviceDetach,
  DeviceFrom,
  DeviceLimits,
  DiskInfo,
  From,
  HostDiskInfo,
  NetInfo,
  NicInfo,
  SwitchInfo,
} from "../generated.ts";
import { WireBus, WireDevice, WireDeviceFlag, WireDiskSource, WireStatus } from "../generated.ts";
import type { FakeGuest, FakeGuests } from "./guests.ts";
import type { Handler, Result } from "./operations.ts";

const DETACH_MS = 20;
const MOST = { [WireDevice.Disk]: 8, [WireDevice.Net]: 4 } as Readonly<Record<number, number>>;

const none = {
  inFlight: 0,
  reads: 0n,
  readBytes: 0n,
  writes: 0n,
  writeBytes: 0n,
  flushes: 0n,
  discards: 0n,
  errors: 0n,
};
const packets = { rxPackets: 3n, rxBytes: 300n, rxDrops: 1n, txPackets: 2n, txBytes: 200n, txDrops: 0n };

export const FAKE_HOST_DISKS: readonly HostDiskInfo[] = [
  {
    ...{
      index: 0,
      flags: 0,
      queues: 1,
      users: 1,
      blockSize: 512,
      sectors: 8n << 21n,
      ...none,
      reads: 5n,
      readBytes: 20480n,
    },
    ...{ name: "data", location: "pci 00:08.0" },
  },
  {
    ...{ index: 1, flags: WireDeviceFlag.Failed | WireDeviceFlag.ReadOnly, queues: 1, users: 0, blockSize: 4096 },
    ...{ sectors: 2048n, ...none, errors: 2n, name: "", location: "mmio 0x10008000" },
  },
];
export const FAKE_SWITCHES: readonly SwitchInfo[] = [
  { index: 0, ports: 1, uplink: 1, stations: 2, forwarded: 10n, flooded: 3n, dropped: 1n, name: "lan" },
  { index: 2, ports: 0, uplink: 0, stations: 0, forwarded: 0n, flooded: 0n, dropped: 0n, name: "alone" },
];
export const FAKE_NICS: readonly NicInfo[] = [
  {
    ...{ index: 0, flags: WireDeviceFlag.LinkUp, queues: 1, switchIndex: 1, mac: 0x0254_3100_0001n, ...packets },
    location: "pci 00:10.0",
  },
];

const place = (guest: FakeGuest, index: number, slot: number) => ({
  ...{ guest: guest.id, generation: guest.generation, index, flags: WireDeviceFlag.Attached as number },
  ...{ bus: WireBus.Pci, slot, queues: 1, driver: 0xf },
});

const makeDisk = (guest: FakeGuest, index: number): DiskInfo => ({
  ...place(guest, index, (index + 3) << 3),
  ...{ source: WireDiskSource.Host, sectors: 4096n, firstSector: 0n, overlayUsed: 0n, overlayLimit: 0n },
  ...{ rate: 0n, iops: 0n, throttled: 0n, ...none, sourceName: "data", serial: "data" },
});

const makeNet = (guest: FakeGuest, index: number): NetInfo => ({
  ...place(guest, index, (index + 16) << 3),
  ...{ switchIndex: 0, port: index, vlan: 0, mtu: 1500, mac: 0x5254_0012_3400n + BigInt(index), rate: 0n },
  ...{ throttled: 0n, ...packets, switchName: "lan" },
});

/** Devices of all guests, by guest and kind; and the trees that were sent. */
export class FakeDevices {
  readonly disks = new Map<FakeGuest, DiskInfo[]>();
  readonly nets = new Map<FakeGuest, NetInfo[]>();
  readonly trees: Uint8Array[] = [];
  /** The hypervisor has no such operations. */
  absent = false;

  attach(guest: FakeGuest, kind: number): number | undefined {
    const list: (DiskInfo | NetInfo)[] = this.list(guest, kind);
    const index = Array.from({ length: MOST[kind] ?? 0 }, (_, at) => at).find(
      (at) => !list.some((one) => one.index === at),
    );
    if (index === undefined) return undefined;
    list.push(kind === WireDevice.Disk ? makeDisk(guest, index) : makeNet(guest, index));
    list.sort((a, b) => a.index - b.index);
    return index;
  }

  list(guest: FakeGuest, kind: number): (DiskInfo | NetInfo)[] {
    const of = (kind === WireDevice.Disk ? this.disks : this.nets) as Map<FakeGuest, (DiskInfo | NetInfo)[]>;
    const list = of.get(guest) ?? [];
    of.set(guest, list);
    return list;
  }

  detach(guest: FakeGuest, kind: number, index: number): void {
    const list = this.list(guest, kind);
    const at = list.findIndex((one) => one.index === index);
    if (at >= 0) list.splice(at, 1);
  }
}

type Find = (request: { guest: number; generation: number }) => FakeGuest | undefined;

export function deviceHandlers(all: FakeGuests, find: Find): Record<string, Handler> {
  const devices = all.devices;
  const missing: Result = { status: WireStatus.NotFound };
  // Two at a time, so that clients must ask again.
  const from = (list: readonly { readonly index: number }[], least: number): Result =>
    devices.absent
      ? { status: WireStatus.Unsupported }
      : { records: list.filter(({ index }) => index >= least).slice(0, 2) };
  const ofGuest = (kind: number) => (request: DeviceFrom) => {
    const guest = find(request);
    return guest ? from(devices.list(guest, kind), request.from) : missing;
  };
  return {
    HostDisks: (request: From) => from(FAKE_HOST_DISKS, request.from),
    Switches: (request: From) => from(FAKE_SWITCHES, request.from),
    Nics: (request: From) => from(FAKE_NICS, request.from),
    Disks: ofGuest(WireDevice.Disk),
    Nets: ofGuest(WireDevice.Net),
    DeviceAttach: (request: DeviceAttach, tail) => {
      const guest = find(request);
      if (!guest) return missing;
      devices.trees.push(Uint8Array.from(tail));
      const index = devices.attach(guest, request.kind);
      if (index !== undefined) return { answer: { index, slot: (index + 3) << 3 } };
      const words = `guest ${guest.name} has no free slot: hotplug in its description says how many it has`;
      return { status: WireStatus.Limit, refusal: words };
    },
    DeviceDetach: (request: DeviceDetach) => {
      const guest = find(request);
      if (!guest) return missing;
      const { kind, index } = request;
      if (request.force === 1) devices.detach(guest, kind, index);
      else if (!guest.stubborn) setTimeout(() => devices.detach(guest, kind, index), DETACH_MS);
      return {};
    },
    DeviceLimits: (request: DeviceLimits) => {
      const guest = find(request);
      if (!guest) return missing;
      const { kind, index, rate, iops } = request;
      const list = devices.list(guest, kind);
      const at = list.findIndex((one) => one.index === index);
      if (at >= 0) list[at] = { ...(list[at] as DiskInfo), rate, ...(kind === WireDevice.Disk ? { iops } : {}) };
      return {};
    },
  };
}
