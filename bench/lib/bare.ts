// SPDX-License-Identifier: Apache-2.0
// The control: the guest's kernel and initramfs straight under OpenSBI on the counting machine. Its device tree is the
// one of the same board without the counter's mode filters, and the kernel leaves the counters alone.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { parse, serialize } from "@typeone/fdt";
import { bareBootArgs, dumpHostTree, type GuestSpec } from "@typeone/host";
import { BENCH_DIR, BENCH_MACHINE } from "./machine.ts";

/** Linux's PMU driver stops all counters that firmware has when it finds them; a guest of TypeOne finds none. */
export const LEAVE_COUNTERS = "initcall_blacklist=pmu_sbi_devinit";

const SEED_BYTES = 32;

/** QEMU arguments for `guest` without a hypervisor, with the guest's memory and one hart. */
export async function bareArgs(guest: GuestSpec): Promise<string[]> {
  const machine = { ...BENCH_MACHINE, memoryMiB: guest.memoryMiB };
  await mkdir(BENCH_DIR, { recursive: true });
  const tree = path.join(BENCH_DIR, "bare.dtb");
  const host = parse(await dumpHostTree(machine));
  host.ensure("/chosen").set("rng-seed", new Uint8Array(SEED_BYTES).fill(0x5a));
  await writeFile(tree, serialize(host));
  const ramdisk = guest.ramdisk === undefined ? {} : { ramdisk: guest.ramdisk };
  return [...bareBootArgs({ machine, kernel: guest.kernel, bootargs: guest.bootargs, ...ramdisk }), "-dtb", tree];
}
