// SPDX-License-Identifier: Apache-2.0
// The stacks that `bench virtio` compares, each brought up until the load waits for its first line: the guest on QEMU's own
// machine, and guests of TypeOne. Called by virtio.ts; KVM's is in kvm-stack.ts.
import { open } from "node:fs/promises";
import path from "node:path";
import { type FdtTree, u64 } from "@typeone/fdt";
import { bareBootArgs, composeBoot, type DeviceSpec, type GuestSpec } from "@typeone/host";
import { BENCH_MACHINE, BenchMachine } from "./machine.ts";
import { ask, type Stack, waitTimes, withIdle } from "./steady.ts";
import { DISK_BYTES, GUEST_MIB, WORK_DIR, type Workload } from "./workload.ts";

export type Rows = "block" | "network";

/** The machine of all stacks. */
export const MACHINE = { ...BENCH_MACHINE, aia: "aplic-imsic", aiaGuests: 3 } as const;

export const bootargsOf = (workload: Workload, rows: Rows, index: number): string =>
  rows === "network" ? `${workload.bootargs} bench.net=${index + 1}` : workload.bootargs;

async function emptyDisk(): Promise<string> {
  const file = path.join(WORK_DIR, "disk.raw");
  const handle = await open(file, "w");
  await handle.truncate(DISK_BYTES).finally(() => handle.close());
  return file;
}

/** The guest on the bare machine, with QEMU's disk. */
export async function startBare(workload: Workload): Promise<Stack> {
  const disks = [{ name: "bench", file: await emptyDisk(), format: "raw", readOnly: false }] as const;
  const machine = { ...MACHINE, memoryMiB: GUEST_MIB, disks };
  const running = await BenchMachine.start("virtio-bare", withIdle(bareBootArgs({ ...workload, machine })));
  await waitTimes(running, /READY load\s/, 1);
  return { machine: running };
}

const HOST_KEY = "\u001d0";
const FIRST_GUEST_KEY = "\u001d1";

function devices(rows: Rows): DeviceSpec[] {
  if (rows === "network")
    return [{ name: "net@0", properties: { compatible: "typeone,net", "typeone,switch": "lan" } }];
  return [{ name: "disk@0", properties: { compatible: "typeone,disk", "typeone,size": u64(DISK_BYTES >> 10) } }];
}

/** Asks TypeOne's terminal, and gives the keyboard back to the first guest. */
async function exitsOf(machine: BenchMachine, guests: readonly string[]): Promise<number> {
  let sum = 0;
  await machine.type(`${HOST_KEY}\r`);
  for (const guest of guests) {
    const [, found] = await ask(machine, `guest stats ${guest} -j\r`, /\{"guest":[^\n]*"exits":(\{[^}]*\})/);
    const exits = JSON.parse(found ?? "{}") as Record<string, number>;
    sum += Object.values(exits).reduce((all, one) => all + one, 0);
  }
  await machine.type(FIRST_GUEST_KEY);
  return sum;
}

/** One guest of TypeOne with a RAM disk, or two on one switch. */
export async function startTypeOne(workload: Workload, rows: Rows, hypervisor: string): Promise<Stack> {
  const names = rows === "network" ? ["one", "two"] : ["one"];
  const guests = names.map((name, index): GuestSpec => ({
    ...workload,
    name,
    memoryMiB: GUEST_MIB,
    cpus: 1,
    bootargs: bootargsOf(workload, rows, index),
    properties: { "typeone,interrupts": "aia" },
    devices: devices(rows),
  }));
  const editTree = (tree: FdtTree): void => {
    if (rows !== "network") return;
    tree.ensure("/chosen/switch@0").assign({ compatible: "typeone,switch", "typeone,name": "lan" });
  };
  const outDir = path.join(WORK_DIR, `typeone-${rows}`);
  const { args } = await composeBoot({ machine: MACHINE, hypervisor, outDir, seed: "fixed", guests, editTree });
  const machine = await BenchMachine.start(`virtio-typeone-${rows}`, withIdle(args));
  await waitTimes(machine, /READY load\s/, 1);
  if (rows === "network") await waitTimes(machine, /READY peer\s/, 1);
  await machine.type(FIRST_GUEST_KEY);
  return { machine, exits: () => exitsOf(machine, names) };
}
