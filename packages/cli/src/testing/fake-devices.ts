// SPDX-License-Identifier: Apache-2.0
// Disks and networks of the host that exists only in a test. Part of fake-host.ts.
import type { DiskInfo, Disks, NetInfo, Networks } from "../host-client.ts";

const counters = { inFlight: 0, reads: 1200, readBytes: 5 << 20, writes: 34, writeBytes: 139_264, flushes: 3 };
const device = { state: "ok", attached: false, bus: "pci", queues: 1, driver: "ready" } as const;
const packets = { rxPackets: 1500, rxBytes: 120_000, rxDrops: 2, txPackets: 900, txBytes: 80_000, txDrops: 0 };

export function fakeDisk(guest: string, index: number, more: Partial<DiskInfo> = {}): DiskInfo {
  return {
    ...{ guest, index, ...device, slot: `00:0${index + 1}.0`, source: "host", disk: "data", sizeBytes: 4 * 2 ** 30 },
    ...{ firstSector: 0, readOnly: false, serial: `serial${index}`, throttled: 7, ...counters, discards: 0, errors: 0 },
    ...more,
  };
}

function ramDisk(guest: string, index: number): DiskInfo {
  const whole = Object.entries(
    fakeDisk(guest, index, { source: "memory", sizeBytes: 1 << 20, errors: 2, state: "failed" }),
  );
  return Object.fromEntries(whole.filter(([key]) => key !== "disk")) as unknown as DiskInfo;
}

export function fakeNet(guest: string, index: number, more: Partial<NetInfo> = {}): NetInfo {
  return {
    ...{ guest, index, ...device, slot: `00:1${index}.0`, network: "lan", port: index },
    ...{ mac: `52:54:00:00:00:0${index + 1}`, isolated: false, linkUp: true, throttled: 0, ...packets },
    ...more,
  };
}

export const FAKE_DISKS: Disks = {
  guests: [
    fakeDisk("web", 0),
    fakeDisk("web", 1, { overlay: { usedBytes: 3 << 20, limitBytes: 512 << 20 }, firstSector: 2048, serial: "cow" }),
    ramDisk("db", 0),
  ],
  host: [
    {
      ...{ name: "data", index: 0, state: "ok", location: "pci 00:08.0", sizeBytes: 8 * 2 ** 30, blockBytes: 512 },
      ...{ readOnly: true, queues: 1, users: 2, ...counters, discards: 0, errors: 0 },
    },
  ],
};

export const FAKE_NETWORKS: Networks = {
  guests: [
    fakeNet("web", 0, { vlan: 10, rate: 10_485_760, isolated: true, mtu: 1400 }),
    fakeNet("db", 0, { linkUp: false, mac: "52:54:00:00:00:09", throttled: 5 }),
  ],
  switches: [
    { name: "lan", index: 0, ports: 2, uplink: "nic0", stations: 3, forwarded: 2400, flooded: 12, dropped: 1 },
    { name: "alone", index: 1, ports: 0, stations: 0, forwarded: 0, flooded: 0, dropped: 0 },
  ],
  nics: [
    {
      ...{ name: "nic0", state: "ok", location: "pci 00:10.0", mac: "02:54:31:00:00:01", linkUp: true, queues: 1 },
      ...{ network: "lan", ...packets },
    },
  ],
};
