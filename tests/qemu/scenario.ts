// SPDX-License-Identifier: Apache-2.0
// One boot of the real image with payload guests: what it boots, when it is over, and what must then hold.
// Run by run.ts one after the other, each in a QEMU and a folder of its own, with a time limit of its own.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import {
  BUILD_DIR,
  bareBoot,
  type BootImageOptions,
  bootTypeOne,
  composeBoot,
  DEFAULT_MACHINE,
  type DeviceOptions,
  type GuestSpec,
  launch,
  machineArgs,
  type MachineOptions,
  type RunningMachine,
} from "@typeone/host";
import { elfImage, flatImage } from "../../packages/cli/src/image/image.ts";
import type { FdtTree } from "@typeone/fdt";
import { buildPayloads } from "./payload.ts";
import { Transcript } from "./transcript.ts";

export interface PayloadGuest {
  readonly payload: string;
  /** The payload's name when absent; must be unlike the others'. */
  readonly name?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly args?: string;
  readonly memory?: "static" | "dynamic";
  /** "result" (default): ends with RESULT ok. "never": it misbehaves and nothing is asked of it. */
  readonly ends?: "result" | "never";
  /** More that must hold of its lines; answers what is wrong. */
  readonly verify?: (lines: readonly string[]) => string | undefined;
}

export interface Running {
  readonly machine: RunningMachine;
  readonly transcript: Transcript;
  readonly signal: AbortSignal;
}

export interface Scenario {
  readonly name: string;
  readonly guests: readonly PayloadGuest[];
  readonly machine?: Partial<MachineOptions>;
  readonly timeoutMs?: number;
  /** Boots the flat Linux-style Image instead of the ELF. */
  readonly flat?: boolean;
  /** Boots one file with everything in it, as `typeone image` writes it; the device tree is QEMU's own. */
  readonly image?: "elf" | "flat";
  readonly editTree?: (tree: FdtTree) => void;
  /** Disks and NICs of the machine that are not known before it starts; their files exist then. */
  readonly devices?: () => Promise<DeviceOptions>;
  /** Guests that are not payloads; their files exist when the scenario starts. */
  readonly others?: () => Promise<readonly GuestSpec[]>;
  /** Steps besides waiting for the results; throws what is wrong. */
  readonly act?: (running: Running) => Promise<void>;
}

export const DEFAULT_TIMEOUT_MS = 60_000;

export const nameOf = (guest: PayloadGuest): string => guest.name ?? guest.payload;
const ended = (lines: readonly string[]): boolean => lines.some((line) => line.startsWith("RESULT "));

/** Runs one scenario; rejects with what is wrong, the transcript's end in the error. */
export async function runScenario(scenario: Scenario, hypervisor: string): Promise<void> {
  const payloads = await buildPayloads(scenario.guests.map((guest) => guest.payload));
  const specs = scenario.guests.map((guest) => ({
    name: nameOf(guest),
    memoryMiB: guest.memoryMiB ?? 32,
    cpus: guest.cpus ?? 1,
    kernel: payloads.get(guest.payload)?.image ?? "",
    bootargs: guest.args ?? "",
    ...(guest.memory ? { memory: guest.memory } : {}),
  }));
  const guests = [...specs, ...((await scenario.others?.()) ?? [])];
  const boot = {
    machine: { ...DEFAULT_MACHINE, ...scenario.machine, ...(await scenario.devices?.()) },
    guests,
    hypervisor,
    outDir: path.join(BUILD_DIR, "qemu-tests", scenario.name.replace(/[^\w.-]+/g, "-")),
    ...(scenario.editTree ? { editTree: scenario.editTree } : {}),
  };
  const machine = await (scenario.image ? bootOneFile(boot, scenario.image) : bootTypeOne(boot));
  const names = guests.map((guest) => guest.name);
  await watch(scenario, machine, new Transcript(machine.console, names));
}

/** `hypervisor` must be the flat Image. */
async function bootOneFile(
  options: BootImageOptions & { readonly outDir: string },
  form: "elf" | "flat",
): Promise<RunningMachine> {
  const boot = await composeBoot(options);
  const parts = await (form === "elf" ? elfImage : flatImage)(boot, options.hypervisor);
  const file = path.join(options.outDir, "system.img");
  await writeFile(file, Buffer.concat(parts));
  return launch([...machineArgs(options.machine), "-kernel", file]);
}

/** The same payload in S-mode under OpenSBI, without TypeOne: shows whether a payload itself is right. */
export async function runBare(scenario: Scenario, guest: PayloadGuest): Promise<void> {
  const payload = (await buildPayloads([guest.payload])).get(guest.payload);
  const machine = await bareBoot({
    machine: { ...DEFAULT_MACHINE, memoryMiB: 256, ...scenario.machine, harts: guest.cpus ?? 1 },
    kernel: payload?.image ?? "",
    bootargs: guest.args ?? "",
  });
  const { name, timeoutMs } = scenario;
  await watch(
    { name, guests: [guest], ...(timeoutMs ? { timeoutMs } : {}) },
    machine,
    new Transcript(machine.console, [], nameOf(guest)),
  );
}

async function watch(scenario: Scenario, machine: RunningMachine, transcript: Transcript): Promise<void> {
  const stop = new AbortController();
  const limit = scenario.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = setTimeout(() => stop.abort(new Error(`not over after ${limit / 1000} s`)), limit);
  void machine.exited.then(() => setTimeout(() => stop.abort(new Error("QEMU ended")), 200));
  try {
    const awaited = scenario.guests.filter((guest) => guest.ends !== "never");
    await transcript.until(() => awaited.every((guest) => ended(transcript.of(nameOf(guest)))), stop.signal);
    for (const guest of awaited) judge(guest, transcript.of(nameOf(guest)));
    await scenario.act?.({ machine, transcript, signal: stop.signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}\n${transcript.tail()}`, { cause: error });
  } finally {
    clearTimeout(timer);
    await machine.kill();
  }
}

function judge(guest: PayloadGuest, lines: readonly string[]): void {
  const result = lines.find((line) => line.startsWith("RESULT ")) ?? "";
  if (!result.startsWith("RESULT ok")) throw new Error(`${nameOf(guest)}: ${result}`);
  const wrong = guest.verify?.(lines);
  if (wrong) throw new Error(`${nameOf(guest)}: ${wrong}`);
}
