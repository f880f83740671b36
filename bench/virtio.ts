// SPDX-License-Identifier: Apache-2.0
// `bench virtio`: what a block read or written, a packet and a MiB between two guests cost, in instructions of the whole
// machine and in exits, for the same guest on QEMU's own devices, under Linux KVM and under TypeOne.
import { messageOf } from "@typeone/host";
import { startKvm } from "./lib/kvm-stack.ts";
import { type Rows, startBare, startTypeOne } from "./lib/stacks.ts";
import { type Cost, type Operation, type Stack, Steady } from "./lib/steady.ts";
import { count, keep, progress, table, verdict } from "./lib/table.ts";
import { buildWorkload, type Workload } from "./lib/workload.ts";

export interface VirtioOptions {
  readonly hypervisor: string;
  readonly json: boolean;
  /** Only these stacks and groups of rows, with commas; all when absent. */
  readonly only?: string;
}

interface Row extends Operation {
  readonly rows: Rows;
  /** At most so many exits. */
  readonly exitsTarget?: number;
}

const OPERATIONS: readonly Row[] = [
  row("block", "R 1", "4 KiB random read, depth 1", 1.3),
  row("block", "W 1", "4 KiB random write, depth 1", 1.3),
  row("block", "R 32", "4 KiB random read, depth 32", 0.1),
  row("block", "W 32", "4 KiB random write, depth 32", 0.1),
  row("network", "P 64", "packet of 64 bytes"),
  row("network", "P 1500", "packet of 1,500 bytes"),
  row("network", "T 0", "MiB over TCP"),
];

function row(rows: Rows, command: string, title: string, exitsTarget?: number): Row {
  const how = command.startsWith("T")
    ? { count: 64, unitsEach: 1 }
    : { count: command.endsWith(" 32") ? 12_800 : 6400, unitsEach: 1 };
  const echo = command.startsWith("P") ? { count: 800, unitsEach: 2 } : {};
  const id = command.replace(" ", "-").toLowerCase();
  return { id, rows, command, title, ...how, ...echo, ...(exitsTarget === undefined ? {} : { exitsTarget }) };
}

/** In the order in which they run. */
const STACKS = ["typeone", "bare", "kvm"] as const;
type StackName = (typeof STACKS)[number];
type Measured = Partial<Record<StackName, Record<string, Cost>>>;

interface Into {
  readonly name: StackName;
  readonly result: Record<string, Cost>;
}

/** Puts the costs of `rows` into `result` as they come. */
async function costs(stack: Stack, rows: Rows, { name, result }: Into): Promise<void> {
  try {
    const steady = await Steady.of(stack);
    for (const operation of OPERATIONS.filter((one) => one.rows === rows)) {
      const cost = await steady.cost(operation);
      result[operation.id] = cost;
      const exits = cost.exits === undefined ? "" : `, ${count(cost.exits, 3)} exits`;
      progress(`${name}: ${operation.title}: ${count(cost.instructions)} instructions${exits}`);
    }
  } finally {
    await stack.machine.end();
  }
}

function start(name: StackName, rows: Rows, { workload, hypervisor }: { workload: Workload; hypervisor: string }) {
  if (name === "bare") return startBare(workload);
  return name === "kvm" ? startKvm(workload, rows) : startTypeOne(workload, rows, hypervisor);
}

async function measure({ hypervisor, only }: VirtioOptions): Promise<Measured> {
  const workload = await buildWorkload();
  const wanted = only?.split(",") ?? [];
  const isWanted = (name: string, all: readonly string[]): boolean =>
    wanted.includes(name) || !all.some((one) => wanted.includes(one));
  const result: Measured = {};
  for (const name of STACKS) {
    for (const rows of ["block", "network"] as const) {
      if (!isWanted(name, STACKS) || !isWanted(rows, ["block", "network"])) continue;
      if (name === "bare" && rows === "network") continue;
      progress(`${name}, ${rows}: boot`);
      try {
        const stack = await start(name, rows, { workload, hypervisor });
        await costs(stack, rows, { name, result: (result[name] ??= {}) });
      } catch (error) {
        // The other stacks' figures are worth having; the table says that these are missing.
        progress(`${name}, ${rows}: ${messageOf(error)}`);
      }
    }
  }
  return result;
}

/** What should be in the table and is not. */
function missing(measured: Measured): string[] {
  const wanted = STACKS.flatMap((name) => OPERATIONS.map((operation) => ({ name, operation })));
  return wanted
    .filter(({ name, operation }) => measured[name]?.[operation.id] === undefined)
    .filter(({ name, operation }) => name !== "bare" || operation.rows === "block")
    .map(({ name, operation }) => `${name}: ${operation.title}`);
}

/** Fewer instructions than KVM, and the target of exits. */
function judge(operation: Row, kvm: Cost | undefined, typeOne: Cost | undefined): string {
  if (!typeOne) return "not measured";
  const exits = verdict(typeOne.exits, operation.exitsTarget);
  const fewer = kvm === undefined ? "" : typeOne.instructions < kvm.instructions ? "reached" : "missed: more than KVM";
  return [fewer, exits].find((one) => one.startsWith("missed")) ?? (fewer || exits);
}

export async function benchVirtio(options: VirtioOptions): Promise<boolean> {
  const measured = await measure(options);
  const rows = OPERATIONS.map((operation) => {
    const [typeOne, bare, kvm] = STACKS.map((name) => measured[name]?.[operation.id]);
    const { id, title, exitsTarget } = operation;
    return { id, title, exitsTarget, bare, kvm, typeOne, verdict: judge(operation, kvm, typeOne) };
  });
  const result = { bench: "virtio", rows };
  const file = options.only === undefined ? await keep("virtio", result) : undefined;
  if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else {
    const right = { align: "right" } as const;
    const numbers = ["bare QEMU", "KVM", "TypeOne", "KVM exits", "TypeOne exits", "at most"];
    const columns = [{ title: "operation" }, ...numbers.map((title) => ({ title, ...right })), { title: "" }];
    const lines = rows.map(({ title, exitsTarget, bare, kvm, typeOne, verdict: said }) => [
      title,
      ...[bare, kvm, typeOne].map((cost) => count(cost?.instructions)),
      ...[kvm?.exits, typeOne?.exits].map((exits) => count(exits, 3)),
      count(exitsTarget, 1),
      said,
    ]);
    console.log("instructions of the whole machine, and exits of its guests, per operation");
    console.log(table(columns, lines));
    for (const text of missing(measured)) console.log(`not measured: ${text}`);
    if (file !== undefined) console.log(`kept in ${file}`);
  }
  return rows.every((one) => !one.verdict.startsWith("missed"));
}
