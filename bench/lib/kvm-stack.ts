// SPDX-License-Identifier: Apache-2.0
// Linux KVM with QEMU as its VMM on the benches' machine: Debian's kernel with the kvm module, an initramfs with Debian's
// riscv64 QEMU, disks in a tmpfs, two guests' NICs on a bridge with vhost. One shell runs besides: it hands what is typed
// to the first guest, and prints KVM's own count of exits when it is asked. Called by virtio.ts.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { bareBootArgs } from "@typeone/host";
import { writeCpio } from "../../packages/host/src/provision/cpio.ts";
import { LEAVE_COUNTERS } from "./bare.ts";
import { kvmHost } from "./kvm-host.ts";
import { BenchMachine } from "./machine.ts";
import { bootargsOf, MACHINE, type Rows } from "./stacks.ts";
import { ask, type Stack, waitTimes, withIdle } from "./steady.ts";
import { baseEntries, DISK_BYTES, GUEST_MIB, moduleEntries, WORK_DIR, type Workload } from "./workload.ts";

const APPLETS = "sh mount insmod cat mkfifo mkdir dd ifconfig brctl tunctl sleep echo".split(" ");
const MODULES = ["kvm", "tun", "bridge", "vhost_net"];

const COMMON = [
  "/usr/bin/qemu-system-riscv64",
  "-machine virt,aia=aplic-imsic -cpu host -accel kvm -smp 1",
  `-m ${GUEST_MIB}M -nodefaults -display none -monitor none -bios none`,
  "-kernel /guest/kernel -initrd /guest/ramdisk.cpio",
].join(" ");

function guests(workload: Workload, rows: Rows): string {
  const append = (index: number): string => `-append '${bootargsOf(workload, rows, index)}'`;
  const serial = (index: number): string =>
    index === 0 ? "-serial stdio < /tmp/in &" : "-chardev file,id=s,path=/dev/console -serial chardev:s < /dev/null &";
  if (rows === "block") {
    const drive = "-drive if=none,id=d,file=/tmp/disk.raw,format=raw,cache=none,aio=threads";
    const device = "-device virtio-blk-pci,drive=d,disable-legacy=on,romfile=";
    const fill = `dd if=/dev/zero of=/tmp/disk.raw bs=1M count=${DISK_BYTES >> 20} 2> /dev/null`;
    return `${fill}\n${COMMON} ${append(0)} ${drive} ${device} ${serial(0)}\n`;
  }
  const one = (index: number): string => {
    const tap = `-netdev tap,id=n,ifname=t${index},script=no,downscript=no,vhost=on`;
    const device = `-device virtio-net-pci,netdev=n,mac=52:54:00:00:00:0${index + 1},disable-legacy=on,romfile=`;
    return `tunctl -t t${index} > /dev/null\nifconfig t${index} up\nbrctl addif br0 t${index}\n${COMMON} ${append(index)} ${tap} ${device} ${serial(index)}\n`;
  };
  return `brctl addbr br0\nifconfig br0 up\n${one(0)}${one(1)}`;
}

const init = (workload: Workload, rows: Rows): string => `#!/bin/busybox sh
export PATH=/bin:/usr/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t debugfs debugfs /sys/kernel/debug
mount -t tmpfs tmpfs /tmp
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
mkdir -p /dev/net
for name in $(cat /modules/order); do insmod /modules/$name.ko; done
mkfifo /tmp/in
${guests(workload, rows)}
exec 3> /tmp/in
while read -r line; do
  case $line in
    stats) read -r exits < /sys/kernel/debug/kvm/exits; echo "KVM-EXITS $exits" ;;
    *) echo "$line" >&3 ;;
  esac
done
`;

const exitsOf = async (machine: BenchMachine): Promise<number> =>
  Number((await ask(machine, "stats\n", /KVM-EXITS (\d+)/))[1]);

export async function startKvm(workload: Workload, rows: Rows): Promise<Stack> {
  const host = await kvmHost();
  const ramdisk = path.join(WORK_DIR, `kvm-${rows}.cpio`);
  const archive = writeCpio([
    ...(await baseEntries(APPLETS)),
    ...(await moduleEntries(MODULES)),
    { kind: "directory", name: "guest" },
    { kind: "file", name: "guest/kernel", data: await readFile(workload.kernel) },
    { kind: "file", name: "guest/ramdisk.cpio", data: await readFile(workload.ramdisk) },
    { kind: "file", name: "init", data: init(workload, rows), mode: 0o755 },
  ]);
  await writeFile(ramdisk, Buffer.concat([await readFile(host.archive), archive]));
  const bootargs = `console=ttyS0 quiet nokaslr ${LEAVE_COUNTERS}`;
  const args = bareBootArgs({ machine: MACHINE, kernel: workload.kernel, ramdisk, bootargs });
  const machine = await BenchMachine.start(`virtio-kvm-${rows}`, withIdle(args));
  await waitTimes(machine, /READY load\s/, 1);
  if (rows === "network") await waitTimes(machine, /READY peer\s/, 1);
  return { machine, exits: () => exitsOf(machine) };
}
