// SPDX-License-Identifier: Apache-2.0
// Counts the instructions of the wanted modes: from reset until the machine has nothing more to do, or until the guest's
// first instruction. QEMU's debugger stub reads the counter; the machine is over then, because while it stands still all
// its idle time passes at once.
import { mkdir } from "node:fs/promises";
import { countingFirmware, type Counted, COUNT } from "./firmware.ts";
import type { Gdb } from "./gdb.ts";
import { BENCH_DIR, BenchMachine } from "./machine.ts";

export interface CountingOptions {
  readonly name: string;
  /** QEMU's arguments: machineArgs of BENCH_MACHINE and what it boots. */
  readonly args: readonly string[];
  readonly counted: Counted;
}

const TIMEOUT_MS = 180_000;
/** Where both the hypervisor and, behind it, a guest's kernel start. */
const ENTRY = 0x8020_0000n;

/** Until `last` was printed and the machine is quiet. */
export async function countToTheEnd(options: CountingOptions, last: RegExp): Promise<number> {
  return withMachine(options, [], async (machine) => {
    await machine.waitFor(last, TIMEOUT_MS);
    await machine.quiet();
    return readCounter(await machine.debug(), options.counted);
  });
}

/** Until the hypervisor's entry was reached and, at the same address, the guest's. Idle time takes real time here. */
export async function countToTheGuest(options: CountingOptions): Promise<number> {
  const args = options.args.map((arg) => arg.replace("sleep=off", "sleep=on"));
  return withMachine({ ...options, args }, ["-S"], async (machine) => {
    const gdb = await machine.debug();
    await gdb.runTo(ENTRY);
    await gdb.step();
    await gdb.runTo(ENTRY);
    return readCounter(gdb, options.counted);
  });
}

async function withMachine(
  options: CountingOptions,
  more: readonly string[],
  act: (machine: BenchMachine) => Promise<number>,
): Promise<number> {
  await mkdir(BENCH_DIR, { recursive: true });
  const firmware = await countingFirmware(options.counted, BENCH_DIR);
  const machine = await BenchMachine.start(options.name, [
    ...withModeFilters(options.args),
    "-bios",
    firmware,
    ...more,
  ]);
  try {
    return await act(machine);
  } finally {
    await machine.end();
  }
}

async function readCounter(gdb: Gdb, counted: Counted): Promise<number> {
  if ((await gdb.read("minstretcfg")) !== COUNT[counted]) throw new Error("something changed the counter's modes");
  const instructions = Number(await gdb.read("minstret"));
  gdb.close();
  return instructions;
}

/** The hart gets mode filters; a tree made before does not say so, thus nobody else uses them. */
function withModeFilters(args: readonly string[]): string[] {
  return args.map((arg, i) => (args[i - 1] === "-cpu" ? `${arg},smcntrpmf=on` : arg));
}
