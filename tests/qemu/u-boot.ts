// SPDX-License-Identifier: Apache-2.0
// A boot loader that knows nothing of us as a guest: Debian's U-Boot finds a disk and a network card behind the guest's PCI
// bridge, gets an address, and starts Debian's kernel from an ext4 file system as it would on any machine.
import { mkdir, rm, copyFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FdtTree } from "@typeone/fdt";
import {
  BUILD_DIR,
  buildInitramfs,
  findProgram,
  getDebianFiles,
  getUBoot,
  GUEST_UP,
  guestBootargs,
  type GuestSpec,
  run,
  silentProgress,
} from "@typeone/host";
import type { Running, Scenario } from "./scenario.ts";

const NAME = "uboot";
const FOLDER = path.join(BUILD_DIR, "qemu-tests/u-boot-disk");
const DISK = path.join(FOLDER, "disk.raw");
const MIB = 1 << 20;
const DISK_MIB = 96;
const START_MIB = 1;
const SECTOR = 512;
/** The first entry of the table of partitions, and what stands in it. */
const ENTRY = 0x1be;
const BOOTABLE = 0x80;
const LINUX = 0x83;

/** What a distribution's tools write for U-Boot. */
const EXTLINUX = `default debian
timeout 1
label debian
  kernel /boot/Image
  initrd /boot/initrd
  append ${guestBootargs({ name: NAME, mode: "poweroff" })}
`;

// EDK2 (Debian's RISCV_VIRT_CODE.fd) cannot be a guest's kernel: it runs from CFI flash at 0x20000000, which guests do not
// have, and keeps its variables there.

/** An empty disk with one bootable Linux partition from START_MIB on: U-Boot looks into partitions only. */
async function writePartition(): Promise<void> {
  const record = Buffer.alloc(SECTOR);
  record.writeUInt8(BOOTABLE, ENTRY);
  record.writeUInt8(LINUX, ENTRY + 4);
  record.writeUInt32LE((START_MIB * MIB) / SECTOR, ENTRY + 8);
  record.writeUInt32LE(((DISK_MIB - START_MIB) * MIB) / SECTOR, ENTRY + 12);
  record.writeUInt16LE(0xaa55, SECTOR - 2);
  await writeFile(DISK, record);
  await truncate(DISK, DISK_MIB * MIB);
}

async function makeDisk(): Promise<void> {
  const files = await getDebianFiles({ progress: silentProgress });
  const ramdisk = await buildInitramfs(files.busybox);
  const tree = path.join(FOLDER, "tree");
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(path.join(tree, "boot/extlinux"), { recursive: true });
  await copyFile(files.kernel.path, path.join(tree, "boot/Image"));
  await copyFile(ramdisk.path, path.join(tree, "boot/initrd"));
  await writeFile(path.join(tree, "boot/extlinux/extlinux.conf"), EXTLINUX);
  await writePartition();
  const size = `${DISK_MIB - START_MIB}M`;
  const options = ["-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-E", `offset=${START_MIB * MIB}`];
  const made = await run((await findProgram("mke2fs")) ?? "mke2fs", ["-q", "-F", ...options, "-d", tree, DISK, size]);
  if (made.code !== 0) throw new Error(`mke2fs: ${made.stderr}`);
  await rm(tree, { recursive: true });
}

async function guest(): Promise<GuestSpec> {
  await makeDisk();
  const loader = await getUBoot({ progress: silentProgress });
  return {
    name: NAME,
    memoryMiB: 256,
    cpus: 2,
    kernel: loader.path,
    bootargs: "",
    devices: [
      { name: "disk@0", properties: { compatible: "typeone,disk", "typeone,source": "boot" } },
      { name: "net@0", properties: { compatible: "typeone,net", "typeone,switch": "lan" } },
    ],
  };
}

function addSwitch(tree: FdtTree): void {
  const lan = { compatible: "typeone,switch", "typeone,name": "lan", "typeone,uplink": "nic0" };
  tree.ensure("/chosen/switch@0").assign(lan);
}

/** Stops it before it boots by itself, looks at its devices, and lets it boot. */
async function act({ machine: { console } }: Running): Promise<void> {
  const ask = async (command: string, answer: RegExp): Promise<void> => {
    console.type(`${command}\r`);
    await console.waitFor(new RegExp(`${answer.source}[^]*=> $`), { timeoutMs: 20_000 });
  };
  await console.waitFor(new RegExp(`guest ${NAME} runs`), { timeoutMs: 30_000 });
  console.type("\u001d1");
  await console.waitFor(/Hit any key to stop autoboot/, { timeoutMs: 60_000 });
  console.type(" ");
  await console.waitFor(/=> $/, { timeoutMs: 20_000 });
  await ask("virtio scan; virtio info", new RegExp(`Capacity: ${DISK_MIB}\\.0 MB`));
  await ask("net list", /virtio-net#\d+ 52:54:00:/);
  await ask("setenv autoload no; dhcp", /DHCP client bound to address 10\.0\.2\.\d+/);
  console.type("boot\r");
  await console.waitFor(/Found \/boot\/extlinux\/extlinux\.conf/, { timeoutMs: 30_000 });
  await console.waitFor(new RegExp(`${GUEST_UP} ${NAME}`), { timeoutMs: 60_000 });
  await console.waitFor(/Power down|powered off/, { timeoutMs: 20_000 });
}

export const uBootScenarios: readonly Scenario[] = [
  {
    name: "U-Boot starts Debian from a disk",
    guests: [],
    machine: {
      disks: [{ name: "boot", file: DISK, format: "raw", readOnly: false }],
      nics: [{ name: "lan", forwards: [] }],
    },
    timeoutMs: 180_000,
    others: async () => [await guest()],
    editTree: addSwitch,
    act,
  },
];
