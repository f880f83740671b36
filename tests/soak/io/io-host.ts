// SPDX-License-Identifier: Apache-2.0
// The machine of the io soak: the real image under QEMU with two Debian guests from one read-only disk, each with a slice
// of a host disk and a RAM disk of its own, on one switch with an uplink and a forwarded port each. The first guest also
// has the disks that are going to fail. Ends QEMU whatever happens.
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type FdtTree, u64 } from "@typeone/fdt";
import {
  bootTypeOne,
  BUILD_DIR,
  type Console,
  type DebianImage,
  DEFAULT_MACHINE,
  type DeviceSpec,
  type DiskOptions,
  type ForwardOptions,
  type GuestSpec,
  GuestShell,
  prepareDisks,
  rootBootargs,
  type RunningMachine,
} from "@typeone/host";
import {
  ChannelClient,
  type DiskInfo,
  type GuestInfo,
  type HostDiskInfo,
  listGuests,
  OPERATIONS,
} from "@typeone/protocol";
import { connectChannel } from "../soaked-host.ts";
import { openConsole } from "./guest-console.ts";

export const ECHO_PORT = 7000;
export const SLICE_MIB = 64;
export const TIGHT_KIB = 4096;
const SECTORS_A_MIB = 2048;
const MIB = 1 << 20;
const NAMES = ["first", "second"] as const;
const FIRST_ADDRESS = 15;
const MADE_MS = 60_000;
const BOOT_MS = 420_000;

const addressOf = (index: number): string => `10.0.2.${FIRST_ADDRESS + index}`;
/** A guest's device by the serial that it reads. */
export const deviceFile = (serial: string): string => `/dev/disk/by-id/virtio-${serial}`;

export interface IoGuest {
  readonly name: string;
  readonly address: string;
  /** On this machine: leads to the guest's ECHO_PORT. */
  readonly port: number;
  readonly info: GuestInfo;
  readonly console: Console;
  readonly shell: GuestShell;
}

/** Host disks that a part of the soak lets fail, by serial, with their place in the order of discovery. */
export const FAILING = { serial: "failing", drive: "disk2" } as const;
export const VANISHING = { serial: "vanishing", drive: "disk3" } as const;

function disksOf(folder: string, image: DebianImage): DiskOptions[] {
  const raw = (name: string, sizeMiB: number): DiskOptions => ({
    name,
    file: path.join(folder, `${name}.raw`),
    format: "raw",
    readOnly: false,
    sizeBytes: sizeMiB * MIB,
  });
  const root: DiskOptions = { name: "debian", file: image.disk, format: "raw", readOnly: true };
  return [root, raw("data", 3 * SLICE_MIB), raw(FAILING.serial, 64), raw(VANISHING.serial, 64)];
}

function disk(index: number, properties: DeviceSpec["properties"]): DeviceSpec {
  return { name: `disk@${index}`, properties: { compatible: "typeone,disk", ...properties } };
}

const slice = (number: number): DeviceSpec["properties"] => ({
  "typeone,source": "data",
  "typeone,first-sector": u64(number * SLICE_MIB * SECTORS_A_MIB),
  "typeone,sectors": u64(SLICE_MIB * SECTORS_A_MIB),
});

function devicesOf(index: number): DeviceSpec[] {
  const own = [
    disk(0, { "typeone,source": "debian", "typeone,overlay": u64(192 * 1024) }),
    disk(1, slice(index)),
    disk(2, { "typeone,size": u64(SLICE_MIB * 1024), "typeone,serial": "ram" }),
    { name: "net@0", properties: { compatible: "typeone,net", "typeone,switch": "lan" } },
    { name: "rng@0", properties: { compatible: "typeone,rng" } },
  ];
  if (index > 0) return own;
  const failing = [FAILING.serial, VANISHING.serial].map((name, i) => disk(3 + i, { "typeone,source": name }));
  return [...own, ...failing, disk(5, { ...slice(2), "typeone,overlay": u64(TIGHT_KIB), "typeone,serial": "tight" })];
}

function guestOf(name: string, index: number, image: DebianImage): GuestSpec {
  const { kernel, ramdisk } = image;
  const address = { address: addressOf(index), prefix: 24, gateway: "10.0.2.2" };
  const bootargs = rootBootargs({ name, root: "LABEL=typeone-root", address });
  return { name, memoryMiB: 384, cpus: 1, kernel, ramdisk, bootargs, devices: devicesOf(index) };
}

function addSwitch(tree: FdtTree): void {
  const properties = { compatible: "typeone,switch", "typeone,name": "lan", "typeone,uplink": "nic0" };
  tree.ensure("/chosen/switch@0").assign(properties);
}

/** A TCP port of this machine that nobody has. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function forwardsOf(): Promise<ForwardOptions[]> {
  const ports: number[] = [];
  for (const name of NAMES) ports.push(await freePort().catch(() => Promise.reject(new Error(`no port for ${name}`))));
  return ports.map((hostPort, index) => ({
    protocol: "tcp",
    hostAddress: "127.0.0.1",
    hostPort,
    guestAddress: addressOf(index),
    guestPort: ECHO_PORT,
  }));
}

export class IoHost {
  readonly machine: RunningMachine;
  readonly client: ChannelClient;
  readonly folder: string;
  readonly #stop: AbortController;
  guests: readonly IoGuest[] = [];

  private constructor(machine: RunningMachine, client: ChannelClient, folder: string) {
    this.machine = machine;
    this.client = client;
    this.folder = folder;
    this.#stop = new AbortController();
  }

  /** Boots, and logs in to both guests. */
  static async start(hypervisor: string, image: DebianImage): Promise<IoHost> {
    const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-io-"));
    // A signal ends QEMU and us without more.
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    let [machine, host]: [RunningMachine | undefined, IoHost | undefined] = [undefined, undefined];
    try {
      const disks = disksOf(folder, image);
      await prepareDisks(disks);
      const forwards = await forwardsOf();
      const socket = path.join(folder, "channel");
      machine = await bootTypeOne({
        machine: {
          ...DEFAULT_MACHINE,
          memoryMiB: 2048,
          channel: { socket },
          disks,
          nics: [{ name: "lan", forwards }],
        },
        guests: NAMES.map((name, index) => guestOf(name, index, image)),
        hypervisor,
        outDir: path.join(BUILD_DIR, "soak-io"),
        editTree: addSwitch,
      });
      const client = new ChannelClient(await connectChannel(socket));
      await client.hello({ timeoutMs: 60_000 });
      host = new IoHost(machine, client, folder);
      await host.#logIn(forwards.map(({ hostPort }) => hostPort));
      return host;
    } catch (error) {
      const tail = machine?.console.tail(30) ?? "";
      await (host ? host.stop() : machine?.kill());
      await rm(folder, { recursive: true, force: true });
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tail}`, { cause: error });
    }
  }

  async #logIn(ports: readonly number[]): Promise<void> {
    const known = await this.#made();
    const one = async (name: string, index: number): Promise<IoGuest> => {
      const info = known.find((guest) => guest.name === name);
      if (!info) throw new Error(`guest ${name} was not made`);
      const console = openConsole(this.client, info, this.#stop.signal);
      const shell = await GuestShell.logIn(console, { name, timeoutMs: BOOT_MS });
      return { name, address: addressOf(index), port: ports[index] ?? 0, info, console, shell };
    };
    this.guests = await Promise.all(NAMES.map(one));
  }

  /** The guests, once the hypervisor has made both. */
  async #made(): Promise<readonly GuestInfo[]> {
    for (const deadline = Date.now() + MADE_MS; ; await sleep(200)) {
      const guests = await listGuests(this.client);
      if (guests.length === NAMES.length || Date.now() > deadline) return guests;
    }
  }

  /** The disks of a guest, with their counters. */
  async disks({ info }: IoGuest): Promise<readonly DiskInfo[]> {
    const request = { guest: info.id, generation: info.generation, from: 0 };
    return (await this.client.call(OPERATIONS.Disks, request)).records;
  }

  async hostDisks(): Promise<readonly HostDiskInfo[]> {
    return (await this.client.call(OPERATIONS.HostDisks, { from: 0 })).records;
  }

  /** What the guests' crash records say; empty when there are none. */
  async crashes(): Promise<string[]> {
    const found: string[] = [];
    for (const { name, info } of this.guests) {
      const handle = { guest: info.id, generation: info.generation };
      const { answer } = await this.client.call(OPERATIONS.Crash, handle);
      if (answer.reason !== 0) found.push(`${name} crashed: ${answer.cause}`);
    }
    return found;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.client.close().catch(() => undefined);
    await this.machine.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
