// SPDX-License-Identifier: Apache-2.0
// `typeone demo`: everything from nothing to two Debian guests under TypeOne. Interactive on a terminal; `--check` does
// the same without a person and says by its exit code whether all of it worked.
import { AIA_MODES, CPU_MODELS, type MachineOptions, StepError } from "@typeone/host";
import { checkDemo } from "../demo/check.ts";
import { printCheck } from "../demo/check-report.ts";
import { describeExit, runInteractive } from "../demo/interactive.ts";
import { type DemoPlan, GUEST_NAMES, prepareDemo } from "../demo/prepare.ts";
import { usageError } from "../errors.ts";
import { defineVerb } from "../verb.ts";

const args = {
  check: {
    type: "boolean",
    description: "without a person: boot, type into each guest, check the answers, print a table",
  },
  guests: { type: "string", default: "2", description: "number of guests, 1 to 9" },
  vcpus: { type: "string", default: "2", description: "vCPUs of each guest, 1 to 8" },
  "guest-memory": { type: "string", default: "256", description: "memory of each guest in MiB" },
  root: {
    type: "string",
    default: "disk",
    description:
      "what the guests run: a Debian on a disk with a network (disk), or its kernel with a small ramdisk (memory)",
  },
  harts: { type: "string", default: "2", description: "harts of the host" },
  memory: { type: "string", description: "memory of the host in MiB (default: what the guests need)" },
  aia: { type: "string", default: "none", description: `interrupt controllers of the host: ${AIA_MODES.join(", ")}` },
  cpu: { type: "string", default: "rv64", description: `processor of the host: ${CPU_MODELS.join(", ")}` },
  sstc: { type: "string", default: "on", description: "whether the host has Sstc: on, off" },
  icount: {
    type: "string",
    description: "exact instruction counts: on, off (default: on with --check of guests in memory, else off)",
  },
  log: { type: "string", description: "kernel messages of the guests: quiet, normal (default: quiet with --check)" },
  timeout: { type: "string", default: "180", description: "with --check: seconds until a guest must have come up" },
  verbose: { type: "boolean", description: "with --check: show the serial line while it runs" },
} as const;

function wholeNumber(name: string, text: string, range: readonly [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= range[0] && value <= range[1]) return value;
  throw usageError(`--${name} must be a whole number from ${range[0]} to ${range[1]}, not ${JSON.stringify(text)}`);
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  throw usageError(`--${name} must be one of ${choices.join(", ")}, not ${JSON.stringify(text)}`);
}

/** Of each guest's disk, what it writes. */
const LAYER_MIB = 256;

/** Room for the hypervisor, one copy of the files, and the guests. */
function hostMemory(guests: number, guestMemoryMiB: number): number {
  return Math.max(1024, Math.ceil((384 + guests * guestMemoryMiB) / 256) * 256);
}

interface DemoArgs {
  readonly check?: boolean | undefined;
  readonly guests: string;
  readonly vcpus: string;
  readonly "guest-memory": string;
  readonly root: string;
  readonly harts: string;
  readonly memory?: string | undefined;
  readonly aia: string;
  readonly cpu: string;
  readonly sstc: string;
  readonly icount?: string | undefined;
  readonly log?: string | undefined;
}

/** The machine and guests that the options ask for. */
export function planDemo(options: DemoArgs, terminal: { rows?: number; columns?: number }): DemoPlan {
  const guests = wholeNumber("guests", options.guests, [1, GUEST_NAMES.length]);
  const root = oneOf("root", options.root, ["disk", "memory"]);
  const guestMemoryMiB = wholeNumber("guest-memory", options["guest-memory"], [64, 1 << 20]);
  const memory = options.memory ?? String(hostMemory(guests, guestMemoryMiB + (root === "disk" ? LAYER_MIB : 0)));
  const machine: MachineOptions = {
    harts: wholeNumber("harts", options.harts, [1, 16]),
    memoryMiB: wholeNumber("memory", memory, [256, 1 << 20]),
    aia: oneOf("aia", options.aia, AIA_MODES),
    cpu: oneOf("cpu", options.cpu, CPU_MODELS),
    sstc: oneOf("sstc", options.sstc, ["on", "off"]),
    icount: oneOf("icount", options.icount ?? (options.check && root === "memory" ? "on" : "off"), ["on", "off"]),
    onReset: "exit",
  };
  return {
    machine,
    root,
    guests: GUEST_NAMES.slice(0, guests),
    vcpus: wholeNumber("vcpus", options.vcpus, [1, 8]),
    guestMemoryMiB,
    log: oneOf("log", options.log ?? (options.check ? "quiet" : "normal"), ["quiet", "normal"]),
    seed: machine.icount === "on" ? "fixed" : "random",
    ...(terminal.rows && terminal.columns ? { terminal: { rows: terminal.rows, columns: terminal.columns } } : {}),
  };
}

export default defineVerb({
  args,
  about:
    "Interactive on a terminal; with --check it types into each guest itself and says by its exit code whether all worked.",
  examples: [
    ["demo", "two Debian guests; Ctrl-] q ends it"],
    ["demo --check", "without a person"],
    ["demo --guests 4 --vcpus 2 --harts 2 --aia aplic-imsic --sstc off", "another machine"],
  ],
  async run(options, context) {
    const { progress } = context;
    const { rows, columns } = process.stdout;
    const plan = planDemo(options, options.check ? {} : { rows, columns });
    const demo = await prepareDemo(plan, progress);
    if (options.check) {
      const timeoutMs = wholeNumber("timeout", options.timeout, [1, 86_400]) * 1000;
      const result = await checkDemo(demo, {
        plan,
        progress,
        timeoutMs,
        ...(demo.reach ? { reach: demo.reach } : {}),
        ...(options.verbose ? { transcript: process.stderr } : {}),
      });
      printCheck(result, context.format);
      return result.ok ? 0 : 1;
    }
    const exit = await runInteractive(demo);
    const why = exit && describeExit(exit);
    if (why) throw new StepError({ step: "run QEMU", why });
    return 0;
  },
});
