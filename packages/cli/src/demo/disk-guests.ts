// SPDX-License-Identifier: Apache-2.0
// The demo's guests with a Debian of their own: each has the same read-only disk image with a copy-on-write layer, and a
// port of one virtual switch whose uplink leads to this machine. The first guest's ssh is forwarded. Called by prepare.ts.
import net from "node:net";
import { type FdtTree, u64 } from "@typeone/fdt";
import { type GuestSpec, getDebianImage, type Progress, rootBootargs } from "@typeone/host";
import type { DemoPlan, Parts } from "./prepare.ts";

const DISK = "debian";
const NETWORK = "lan";
/** QEMU's user network: the gateway, and where the guests' addresses begin. */
const GATEWAY = "10.0.2.2";
const FIRST_ADDRESS = 15;
const SSH = 22;
const FIRST_PORT = 2222;
const PORTS = 100;
/** Copy-on-write layer of each guest. */
const OVERLAY_KIB = 256 * 1024;

const addressOf = (index: number): string => `10.0.2.${FIRST_ADDRESS + index}`;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function freePort(): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS; port++) if (await isFree(port)) return port;
  throw new Error(`none of the ports ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is free`);
}

function addSwitch(tree: FdtTree): void {
  tree.ensure("/chosen/switch@0").assign({
    compatible: "typeone,switch",
    "typeone,name": NETWORK,
    "typeone,uplink": "nic0",
  });
}

export async function diskGuests(plan: DemoPlan, progress: Progress): Promise<Parts> {
  const image = await getDebianImage({ progress });
  if (image.fromCache) progress.note(`✓ Debian image ${image.id}, kernel ${image.kernelVersion} (cached)`);
  const port = await freePort();
  const guests = plan.guests.map((name, index): GuestSpec => ({
    name,
    memoryMiB: plan.guestMemoryMiB,
    cpus: plan.vcpus,
    kernel: image.kernel,
    ramdisk: image.ramdisk,
    bootargs: rootBootargs({
      name,
      log: plan.log,
      authorizedKey: image.key.publicKey,
      address: { address: addressOf(index), prefix: 24, gateway: GATEWAY },
      ...(plan.terminal ? { terminal: plan.terminal } : {}),
    }),
    devices: [
      {
        name: "disk@0",
        properties: { compatible: "typeone,disk", "typeone,source": DISK, "typeone,overlay": u64(OVERLAY_KIB) },
      },
      { name: "net@0", properties: { compatible: "typeone,net", "typeone,switch": NETWORK } },
      { name: "rng@0", properties: { compatible: "typeone,rng" } },
    ],
  }));
  const forward = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: port, guestAddress: addressOf(0) } as const;
  return {
    guests,
    kernelVersion: image.kernelVersion,
    machine: {
      ...plan.machine,
      disks: [{ name: DISK, file: image.disk, format: "raw", readOnly: true }],
      nics: [{ name: NETWORK, forwards: [{ ...forward, guestPort: SSH }] }],
    },
    reach: { guest: plan.guests[0] ?? "", port, address: addressOf(0), keyFile: image.key.path },
    editTree: addSwitch,
  };
}
