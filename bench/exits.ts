// SPDX-License-Identifier: Apache-2.0
// `bench exits`: what each operation costs a guest, in instructions, with everything below it: payload `exits` under
// TypeOne and the same image bare in S-mode under OpenSBI, each run twice; the two runs must agree to the digit.
import path from "node:path";
import { bareBoot, BUILD_DIR, bootTypeOne, DEFAULT_MACHINE, type RunningMachine } from "@typeone/host";
import { buildPayload } from "../tests/qemu/payload.ts";
import { Transcript } from "../tests/qemu/transcript.ts";
import { OPERATIONS } from "./targets.ts";
import { count, keep, progress, table, verdict } from "./lib/table.ts";

export interface ExitsOptions {
  readonly hypervisor: string;
  readonly json: boolean;
  /** Iterations per operation. */
  readonly iterations: number;
}

/** Instructions per operation, by the payload's names. */
type Costs = Readonly<Record<string, number>>;

const TIMEOUT_MS = 120_000;
const GUEST = "exits";
const MACHINE = { ...DEFAULT_MACHINE, harts: 1, icount: "on" } as const;

async function costs(machine: RunningMachine, lines: () => readonly string[], transcript: Transcript): Promise<Costs> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    await transcript.until(() => lines().some((line) => line.startsWith("RESULT ")), limit);
  } finally {
    await machine.kill();
  }
  const result = lines().find((line) => line.startsWith("RESULT ")) ?? "";
  if (!result.startsWith("RESULT ok")) throw new Error(`payload ${GUEST}: ${result}\n${transcript.tail()}`);
  if (!lines().includes("COUNTER instret"))
    throw new Error("the guest may not read instret; there is nothing exact to count with");
  const rows = lines().flatMap((line) => {
    const match = /^BENCH (\S+) (\d+) (\d+)$/.exec(line);
    return match ? [[match[1] as string, Number(match[3]) / Number(match[2])] as const] : [];
  });
  return Object.fromEntries(rows);
}

async function underTypeOne(image: string, options: ExitsOptions): Promise<Costs> {
  const machine = await bootTypeOne({
    machine: MACHINE,
    hypervisor: options.hypervisor,
    outDir: path.join(BUILD_DIR, "bench-exits"),
    seed: "fixed",
    guests: [{ name: GUEST, memoryMiB: 64, cpus: 1, kernel: image, bootargs: `count=${options.iterations}` }],
  });
  const transcript = new Transcript(machine.console, [GUEST]);
  return costs(machine, () => transcript.of(GUEST), transcript);
}

async function bare(image: string, options: ExitsOptions): Promise<Costs> {
  const machine = await bareBoot({
    machine: { ...MACHINE, memoryMiB: 256 },
    kernel: image,
    bootargs: `count=${options.iterations}`,
  });
  const transcript = new Transcript(machine.console, [], GUEST);
  return costs(machine, () => transcript.of(GUEST), transcript);
}

async function twice(what: string, run: () => Promise<Costs>): Promise<Costs> {
  progress(`${what}, first run`);
  const first = await run();
  progress(`${what}, second run`);
  const second = await run();
  const differing = Object.keys(first).filter((name) => first[name] !== second[name]);
  if (differing.length > 0) throw new Error(`${what}: two runs differ in ${differing.join(", ")}`);
  return first;
}

export async function benchExits(options: ExitsOptions): Promise<boolean> {
  const { image } = await buildPayload(GUEST);
  const typeOne = await twice("TypeOne", () => underTypeOne(image, options));
  const control = await twice("bare OpenSBI", () => bare(image, options));
  const operations = OPERATIONS.map((operation) => ({
    ...operation,
    measured: typeOne[operation.id],
    openSbi: control[operation.id],
    verdict: verdict(typeOne[operation.id], operation.target),
  }));
  const result = { bench: "exits", iterations: options.iterations, repeatable: true, operations };
  const file = await keep("exits", result);
  if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else {
    const right = { align: "right" } as const;
    const titles = ["bare OpenSBI", "Bao", "Xvisor", "KVM", "target", "TypeOne"].map((title) => ({ title, ...right }));
    const rows = operations.map((row) => [
      row.title,
      ...[row.bare === "same" ? row.openSbi : undefined, row.bao, row.xvisor, row.kvm, row.target].map((n) => count(n)),
      count(row.measured, 1),
      row.verdict,
    ]);
    console.log("instructions per operation, loop and everything below included");
    console.log(table([{ title: "operation" }, ...titles, { title: "" }], rows));
    console.log(`two runs of each agree to the digit; kept in ${file}`);
  }
  return operations.every((row) => row.target === undefined || (row.measured ?? Infinity) <= row.target);
}
