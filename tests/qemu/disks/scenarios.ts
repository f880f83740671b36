// SPDX-License-Identifier: Apache-2.0
// Boots of Debian from disks: two systems from one read-only image with copy-on-write layers, a disk of their own, a
// network; with wired interrupts, and with messages.
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { type FdtTree, u64 } from "@typeone/fdt";
import {
  BUILD_DIR,
  type DeviceSpec,
  getDebianImage,
  type GuestSpec,
  rootBootargs,
  silentProgress,
} from "@typeone/host";
import { expect } from "../channel/host.ts";
import type { Scenario } from "../scenario.ts";
import { fills, keepsOut, survives, wanders } from "./storage.ts";
import { Systems } from "./systems.ts";
import { ALPHA, BETA, SUMS_PORT, talks } from "./traffic.ts";

const NAMES = ["alpha", "beta"];
const FOLDER = path.join(BUILD_DIR, "qemu-tests/disks");
const MIB = 1 << 20;
const OWN = { scratch: 64, spare: 32 } as const;
const LAN = "lan";

const disk = (index: number, properties: DeviceSpec["properties"]): DeviceSpec => ({
  name: `disk@${index}`,
  properties: { compatible: "typeone,disk", ...properties },
});

async function guests(interrupts: "plic" | "aia"): Promise<readonly GuestSpec[]> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  for (const [name, size] of Object.entries(OWN)) {
    await writeFile(path.join(FOLDER, `${name}.raw`), "");
    await truncate(path.join(FOLDER, `${name}.raw`), size * MIB);
  }
  const image = await getDebianImage({ progress: silentProgress });
  const root = disk(0, { "typeone,source": "debian", "typeone,overlay": u64(256 * 1024) });
  const more = [
    disk(1, { "typeone,source": "scratch" }),
    disk(2, { "typeone,source": "debian", "typeone,sectors": u64(8192), "read-only": true }),
  ];
  const one = (name: string, address: string, disks: readonly DeviceSpec[]): GuestSpec => ({
    name,
    memoryMiB: 384,
    cpus: name === "alpha" ? 2 : 1,
    kernel: image.kernel,
    ramdisk: image.ramdisk,
    bootargs: rootBootargs({ name, address: { address, prefix: 24, gateway: "10.0.2.2" } }),
    properties: { "typeone,interrupts": interrupts },
    devices: [
      ...disks,
      { name: "net@0", properties: { compatible: "typeone,net", "typeone,switch": LAN } },
      { name: "rng@0", properties: { compatible: "typeone,rng" } },
    ],
  });
  return [one("alpha", ALPHA, [root, ...more]), one("beta", BETA, [root])];
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function addSwitch(tree: FdtTree): void {
  const lan = { compatible: "typeone,switch", "typeone,name": LAN, "typeone,uplink": "nic0" };
  tree.ensure("/chosen/switch@0").assign(lan);
}

/** systemd has started everything; what it could not is in the error. */
async function started(systems: Systems): Promise<void> {
  for (const name of NAMES) {
    await systems.logIn(name);
    const { output } = await systems.tried(name, "systemctl is-system-running --wait || systemctl --failed");
    expect(output === "running", `${name}: systemd is content`, output);
  }
  expect((await systems.run("alpha", "nproc")) === "2", "alpha has two processors");
}

/** How the devices of a guest interrupt, as its kernel says. */
async function interruptsBy(systems: Systems, way: "plic" | "aia"): Promise<void> {
  const table = await systems.run("alpha", "cat /proc/interrupts");
  const lines = table.split("\n").filter((line) => /virtio|req\.0/.test(line));
  const expected = way === "aia" ? /PCI-MSIX?-/ : /PLIC/;
  expect(lines.length >= 3 && lines.every((line) => expected.test(line)), `interrupts come by ${way}`, table);
  if (way === "aia") expect(/APLIC-MSI.*ttyS0/.test(table), "wired lines become messages too", table);
}

interface Boot {
  readonly name: string;
  readonly way: "plic" | "aia";
  readonly machine?: Scenario["machine"];
  readonly parts: readonly ((systems: Systems) => Promise<void>)[];
}

function boot({ name, way, machine, parts }: Boot): Scenario {
  let port = 0;
  return {
    name,
    guests: [],
    machine: { memoryMiB: 2048, ...machine },
    timeoutMs: 400_000,
    editTree: addSwitch,
    others: () => guests(way),
    devices: async () => {
      port = await freePort();
      const { disk: file } = await getDebianImage({ progress: silentProgress });
      const own = Object.keys(OWN).map((own) => ({
        name: own,
        file: path.join(FOLDER, `${own}.raw`),
        readOnly: false,
      }));
      const disks = [{ name: "debian", file, readOnly: true }, ...own];
      const to = { hostAddress: "127.0.0.1", hostPort: port, guestAddress: ALPHA, guestPort: SUMS_PORT };
      return {
        disks: disks.map((one) => ({ ...one, format: "raw" as const })),
        nics: [{ name: LAN, forwards: [{ protocol: "tcp", ...to }] }],
      };
    },
    act: async (running) => {
      const systems = new Systems(running, NAMES);
      await started(systems);
      await interruptsBy(systems, way);
      await talks(systems, port);
      for (const part of parts) await part(systems);
    },
  };
}

export const diskScenarios: readonly Scenario[] = [
  boot({ name: "Debian from disks, wired interrupts", way: "plic", parts: [fills, keepsOut, wanders, survives] }),
  boot({
    name: "Debian from disks, messages",
    way: "aia",
    machine: { aia: "aplic-imsic", aiaGuests: 3 },
    parts: [fills, wanders],
  }),
];
