// SPDX-License-Identifier: Apache-2.0
// The guest of `bench virtio`: Debian's kernel with one initramfs of busybox, the VirtIO modules and the load, which is the
// same under every stack. `bench.net=1` and `bench.net=2` on the command line make it one of two peers.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { CACHE_DIR, getDebianFiles, getDebianImage, silentProgress, StepError } from "@typeone/host";
import { REPO, tool } from "@typeone/toolchain";
import { type CpioEntry, writeCpio } from "../../packages/host/src/provision/cpio.ts";
import { type KernelModule, loadOrder, modulesOf, stripModules } from "../../packages/host/src/rootfs/modules.ts";
import { entriesOf } from "../../packages/host/src/rootfs/unpack.ts";
import { LEAVE_COUNTERS } from "./bare.ts";
import { BENCH_DIR } from "./machine.ts";

export const WORK_DIR = path.join(BENCH_DIR, "virtio");
export const PACKAGES_DIR = path.join(CACHE_DIR, "debian-image/packages");
export const DISK_BYTES = 32 << 20;
export const GUEST_MIB = 192;

const INIT = `#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
for name in $(cat /modules/order); do insmod /modules/$name.ko; done
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
read -r line < /proc/cmdline
case $line in
  *bench.net=1*) ifconfig eth0 10.9.0.1 netmask 255.255.255.0 up ;;
  *bench.net=2*) ifconfig eth0 10.9.0.2 netmask 255.255.255.0 up; exec /load serve ;;
esac
exec /load
`;
const APPLETS = ["sh", "mount", "insmod", "cat", "ifconfig"];

let allModules: Promise<Map<string, KernelModule>> | undefined;

/** All modules of the kernel's package, which is taken apart once. */
async function kernelModules(): Promise<Map<string, KernelModule>> {
  await getDebianImage({ progress: silentProgress });
  const deb = (await readdir(PACKAGES_DIR)).find((name) => /^linux-image-[0-9].*\.deb$/.test(name));
  if (deb === undefined) {
    const why = `${PACKAGES_DIR} has no kernel package`;
    throw new StepError({ step: "collect the bench's modules", why, fix: "run: npm run image -- debian --refresh" });
  }
  return modulesOf(await entriesOf(path.join(PACKAGES_DIR, deb), "--fsys-tarfile"));
}

/** Kernel modules (and all that they need) as entries below /modules, with their order. */
export async function moduleEntries(names: readonly string[]): Promise<CpioEntry[]> {
  const { order, files } = await loadOrder(await (allModules ??= kernelModules()), names);
  const stripped = await stripModules(files, path.join(WORK_DIR, "modules"));
  return [
    { kind: "directory", name: "modules" },
    { kind: "file", name: "modules/order", data: order.map((name) => `${name}\n`).join("") },
    ...[...stripped].map(([name, data]): CpioEntry => ({ kind: "file", name: `modules/${name}.ko`, data })),
  ];
}

/** Folders, console and busybox with links. */
export async function baseEntries(applets: readonly string[]): Promise<CpioEntry[]> {
  const { busybox } = await getDebianFiles({ progress: silentProgress });
  return [
    ...["bin", "dev", "proc", "sys", "tmp"].map((name): CpioEntry => ({ kind: "directory", name })),
    { kind: "device", name: "dev/console", major: 5, minor: 1 },
    { kind: "file", name: "bin/busybox", data: await readFile(busybox.path), mode: 0o755 },
    ...applets.map((name): CpioEntry => ({ kind: "symlink", name: `bin/${name}`, target: "busybox" })),
  ];
}

async function buildLoad(): Promise<Buffer> {
  const file = path.join(WORK_DIR, "load");
  const flags = ["-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-tree-loop-distribute-patterns"];
  await tool("gcc", [...flags, "-o", file, path.join(REPO, "bench/virtio/load.c")]);
  return readFile(file);
}

export interface Workload {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly bootargs: string;
}

export async function buildWorkload(): Promise<Workload> {
  await mkdir(WORK_DIR, { recursive: true });
  const { kernel } = await getDebianFiles({ progress: silentProgress });
  const ramdisk = path.join(WORK_DIR, "guest.cpio");
  const archive = writeCpio([
    ...(await baseEntries(APPLETS)),
    ...(await moduleEntries(["virtio_blk", "virtio_net"])),
    { kind: "file", name: "load", data: await buildLoad(), mode: 0o755 },
    { kind: "file", name: "init", data: INIT, mode: 0o755 },
  ]);
  await writeFile(ramdisk, archive);
  return { kernel: kernel.path, ramdisk, bootargs: `console=ttyS0 quiet nokaslr ${LEAVE_COUNTERS}` };
}
