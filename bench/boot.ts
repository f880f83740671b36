// SPDX-License-Identifier: Apache-2.0
// `bench boot`: one Debian guest (1 vCPU, 256 MiB, quiet console) from reset to the end of its life, which it asks for
// as soon as userland is up. Instructions of the guest and of the hypervisor apart, against the same kernel, initramfs
// and command line on the bare machine; exits by kind; size of the image; memory that the hypervisor uses.
import path from "node:path";
import { type BootImage, composeBoot, DEFAULT_MACHINE, type GuestSpec } from "@typeone/host";
import { tool } from "@typeone/toolchain";
import { debianGuest } from "../tests/qemu/debian.ts";
import { buildPayload } from "../tests/qemu/payload.ts";
import { bareArgs, LEAVE_COUNTERS } from "./lib/bare.ts";
import { bootRows } from "./boot-report.ts";
import { countToTheEnd, countToTheGuest } from "./lib/counting.ts";
import { BENCH_DIR, BENCH_MACHINE, BenchMachine } from "./lib/machine.ts";
import { keep, progress, table } from "./lib/table.ts";

export interface BootOptions {
  readonly hypervisor: string;
  readonly json: boolean;
}

export interface BootResult {
  readonly bareInstructions: number;
  readonly guestInstructions: number;
  /** Of the hypervisor during the guest's life, and the same of a second run. */
  readonly hypervisorInstructions: number;
  readonly repeated: number;
  readonly startInstructions: number;
  readonly exits: Readonly<Record<string, number>>;
  readonly sections: Readonly<Record<string, number>>;
  readonly imageBytes: number;
  /** Memory of the hypervisor in bytes by number of guests; absent if the hypervisor does not tell. */
  readonly memory: Readonly<Record<string, number>>;
}

const TIMEOUT_MS = 180_000;
const END = /reboot: Power down/;

function compose(hypervisor: string, name: string, guests: readonly GuestSpec[]): Promise<BootImage> {
  const outDir = path.join(BENCH_DIR, `boot-${name}`);
  return composeBoot({ machine: BENCH_MACHINE, hypervisor, outDir, seed: "fixed", guests });
}

async function sectionsOf(elf: string): Promise<Record<string, number>> {
  const { stdout } = await tool("size", ["-A", elf]);
  const rows = stdout.split("\n").map((line) => /^\.?([\w.]+)\s+(\d+)\s+([1-9]\d*)$/.exec(line.trim()));
  return Object.fromEntries(rows.flatMap((row) => (row ? [[row[1] as string, Number(row[2])] as const] : [])));
}

async function command<T>(machine: BenchMachine, text: string, key: string): Promise<T> {
  await machine.type(`\r${text}\r`);
  const [line] = await machine.waitFor(new RegExp(`\\{"${key}":[^\\n]*\\}`), TIMEOUT_MS);
  return JSON.parse(line) as T;
}

async function exitsOf(args: readonly string[], guest: string): Promise<Record<string, number>> {
  const machine = await BenchMachine.start("exits", args);
  try {
    await machine.waitFor(/reboot: Power down/, TIMEOUT_MS);
    const stats = await command<{ exits: Record<string, number> }>(machine, `guest stats ${guest} -j`, "guest");
    return stats.exits;
  } finally {
    await machine.end();
  }
}

/** What `host info -j` says that the hypervisor uses while 1, 2 and 4 guests of 256 MiB run. */
async function memoryByGuests(hypervisor: string): Promise<Record<string, number>> {
  const { image } = await buildPayload("heartbeat");
  const machine = { ...DEFAULT_MACHINE, memoryMiB: 2048 };
  const result: Record<string, number> = {};
  for (const count of [1, 2, 4]) {
    const guest = { memoryMiB: 256, cpus: 1, kernel: image, bootargs: "beats=0" };
    const guests = Array.from({ length: count }, (_, i) => ({ ...guest, name: `guest${i + 1}` }));
    const outDir = path.join(BENCH_DIR, `memory-boot-${count}`);
    const { args } = await composeBoot({ machine, hypervisor, outDir, guests });
    const running = await BenchMachine.start(`memory-${count}`, args);
    try {
      for (const { name } of guests) await running.waitFor(new RegExp(`\\[${name}\\] BEAT`), TIMEOUT_MS);
      await running.type("\rhost info -j\r");
      const [, used] = await running.waitFor(/"ownUsedKiB":(\d+)/, TIMEOUT_MS);
      result[String(count)] = Number(used) * 1024;
    } finally {
      await running.end();
    }
  }
  return result;
}

/** The hypervisor's instructions for start and end of a guest like `guest` that does nothing. */
async function withoutLife(hypervisor: string, guest: GuestSpec): Promise<number> {
  const { image } = await buildPayload("nothing");
  const { args } = await compose(hypervisor, "nothing", [{ ...guest, kernel: image }]);
  return countToTheEnd({ name: "nothing", args, counted: "hypervisor" }, /guest debian runs/);
}

async function measure({ hypervisor }: BootOptions): Promise<BootResult> {
  const plain = await debianGuest("debian", "poweroff", 1);
  const guest = { ...plain, bootargs: `${plain.bootargs} nokaslr ${LEAVE_COUNTERS}` };
  const { args } = await compose(hypervisor, "one", [guest]);
  progress("instructions of a guest that does nothing");
  const around = await withoutLife(hypervisor, guest);
  progress("hypervisor's instructions");
  const all = await countToTheEnd({ name: "hypervisor", args, counted: "hypervisor" }, END);
  progress("hypervisor's instructions, again");
  const again = await countToTheEnd({ name: "again", args, counted: "hypervisor" }, END);
  progress("guest's instructions");
  const guestInstructions = await countToTheEnd({ name: "guest", args, counted: "guest" }, END);
  progress("reset to the guest's first instruction");
  const startInstructions = await countToTheGuest({ name: "start", args, counted: "hypervisor" });
  progress("bare machine");
  const bare = { name: "bare", args: await bareArgs(guest), counted: "allButFirmware" } as const;
  const bareInstructions = await countToTheEnd(bare, END);
  progress("exits");
  const exits = await exitsOf(args, guest.name);
  progress("memory");
  const memory = await memoryByGuests(hypervisor);
  const sections = await sectionsOf(hypervisor);
  const imageBytes = Object.entries(sections).reduce((sum, [name, bytes]) => sum + (/bss/.test(name) ? 0 : bytes), 0);
  return {
    bareInstructions,
    guestInstructions,
    hypervisorInstructions: all - around,
    repeated: again - around,
    startInstructions,
    exits,
    sections,
    imageBytes,
    memory,
  };
}

export async function benchBoot(options: BootOptions): Promise<boolean> {
  const result = await measure(options);
  const rows = bootRows(result);
  const file = await keep("boot", { bench: "boot", ...result, rows });
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: "boot", ...result, rows }, null, 2)}\n`);
  else {
    const right = { align: "right" } as const;
    const columns = [
      { title: "Debian boot, 1 vCPU, 256 MiB" },
      { title: "Xvisor", ...right },
      { title: "target", ...right },
    ];
    const shown = rows.map((row) => [row.title, row.peer, row.target, row.shown, row.verdict]);
    console.log(table([...columns, { title: "TypeOne", ...right }, { title: "" }], shown));
    const kinds = Object.entries(result.exits).filter(([, number]) => number > 0);
    console.log(`exits: ${kinds.map(([kind, number]) => `${kind} ${number}`).join(", ")}`);
    console.log(
      `sections: ${Object.entries(result.sections)
        .map(([name, bytes]) => `${name} ${bytes}`)
        .join(", ")}`,
    );
    const same = result.repeated === result.hypervisorInstructions ? "agree" : `do not agree (${result.repeated})`;
    console.log(`two runs' hypervisor instructions ${same}`);
    console.log(`kept in ${file}`);
  }
  return rows.every((row) => !row.verdict.startsWith("missed"));
}
