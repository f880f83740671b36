// SPDX-License-Identifier: Apache-2.0
// `typeone create`: a guest on a running host, from a configuration file, an xl.cfg, or options alone.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { ArgsDef, ParsedArgs } from "citty";
import { formatBytes, type Progress, type Step } from "@typeone/host";
import type { Guest, GuestDisk, Problem } from "@typeone/config";
import type { Context } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { CreateProgress, HostClient } from "../host-client.ts";
import { printJson, remark } from "../output/print.ts";
import { readGuest, type RunningHost, tellProblems } from "../system-file.ts";
import { defineVerb } from "../verb.ts";
import { attach } from "./console.ts";

const args = {
  file: { type: "positional", required: false, description: "configuration of a guest or a system, or an xl.cfg" },
  guest: { type: "positional", required: false, description: "which guest, if the file describes several" },
  name: { type: "string", alias: "n", valueHint: "NAME", description: "what it is called" },
  kernel: { type: "string", alias: "k", valueHint: "FILE", description: "Linux Image or flat binary, or debian" },
  ramdisk: { type: "string", alias: ["r", "initrd"], valueHint: "FILE", description: "initial ramdisk" },
  "device-tree": { type: "string", valueHint: "FILE", description: "its own device tree, .dtb or .dts" },
  bootargs: { type: "string", alias: ["a", "append", "extra"], valueHint: "TEXT", description: "kernel command line" },
  memory: { type: "string", alias: "m", valueHint: "SIZE", description: "RAM, like 256MiB; a plain number counts MiB" },
  vcpus: { type: "string", valueHint: "N", description: "vCPUs at the start" },
  "max-vcpus": { type: "string", alias: "maxvcpus", valueHint: "N", description: "vCPUs that can be brought in later" },
  affinity: { type: "string", alias: "cpus", valueHint: "HARTS", description: "harts that it may run on, like 0-3,^1" },
  priority: { type: "string", valueHint: "0-7", description: "7 goes first" },
  weight: { type: "string", valueHint: "1-10000", description: "share among those of one priority" },
  start: { type: "boolean", default: true, description: "start it", negativeDescription: "leave it created" },
  console: { type: "boolean", alias: "c", description: "go to its console" },
} satisfies ArgsDef;

type Args = ParsedArgs<typeof args>;

/** Options that are settings of a guest: how each is called in a configuration, and how its text is meant. */
const SETTINGS: readonly (readonly [keyof Args & string, string, "text" | "number" | "file" | "size"])[] = [
  ["name", "name", "text"],
  ["kernel", "kernel", "file"],
  ["ramdisk", "ramdisk", "file"],
  ["device-tree", "deviceTree", "file"],
  ["bootargs", "bootargs", "text"],
  ["memory", "memory", "size"],
  ["vcpus", "vcpus", "number"],
  ["max-vcpus", "maxVcpus", "number"],
  ["affinity", "affinity", "text"],
  ["priority", "priority", "number"],
  ["weight", "weight", "number"],
];

/** What the options say, as a configuration would. */
function settingsOf(given: Args, cwd: string): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [option, setting, kind] of SETTINGS) {
    const text = given[option];
    if (typeof text !== "string") continue;
    if (kind === "number") settings[setting] = /^\d+$/.test(text) ? Number(text) : text;
    else if (kind === "file") settings[setting] = text === "debian" ? text : path.resolve(cwd, text);
    else settings[setting] = kind === "size" && /^\d+$/.test(text) ? Number(text) : text;
  }
  return settings;
}

/** A finding about a setting that came from an option is about the option. */
function aboutOptions(problem: Problem): Problem {
  const option = SETTINGS.find(([, setting]) => problem.path === setting)?.[0];
  const { severity, message, fix, path: setting } = problem;
  const about = { severity, message, ...(fix === undefined ? {} : { fix }) };
  return { ...about, file: "typeone create", path: option === undefined ? setting : `--${option}` };
}

/** Back from a checked guest to what a configuration would say, for the options to be laid over. */
function settingsOfGuest(
  guest: Guest,
  diskSettings: (disk: GuestDisk) => Record<string, unknown>,
): Record<string, unknown> {
  const { memoryBytes, affinity, staticMemory, disks, ...rest } = guest;
  return {
    ...rest,
    ...(disks === undefined ? {} : { disks: disks.map(diskSettings) }),
    memory: `${memoryBytes / 1024}KiB`,
    ...(affinity === undefined ? {} : { affinity: [...affinity] }),
    staticMemory: typeof staticMemory === "number" ? `0x${staticMemory.toString(16)}` : staticMemory,
  };
}

/** Checks settings as if they were a file. */
async function guestOfSettings(
  context: Context,
  settings: Readonly<Record<string, unknown>>,
  running: RunningHost,
): Promise<Guest> {
  const { loadGuest } = await import("@typeone/config");
  const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-create-"));
  try {
    const file = path.join(folder, "guest.json");
    await writeFile(file, JSON.stringify(settings));
    const { guest, problems } = await loadGuest(file, undefined, { running });
    await tellProblems(context, problems.map(aboutOptions), "the command line", EXIT.usage);
    return guest as Guest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function wantedGuest(context: Context, given: Args, running: RunningHost): Promise<Guest> {
  const settings = settingsOf(given, context.cwd);
  if (given.file === undefined) {
    if (given.kernel === undefined) throw usageError("say which: a configuration FILE, or --kernel and more");
    return guestOfSettings(
      context,
      { name: path.basename(given.kernel).slice(0, 31), memory: 256, ...settings },
      running,
    );
  }
  const guest = await readGuest(context, { file: given.file, name: given.guest }, running);
  if (Object.keys(settings).length === 0) return guest;
  const { diskSettings } = await import("@typeone/config");
  const base = settingsOfGuest(guest, diskSettings);
  // Fewer can be had by --vcpus alone, and more.
  if (settings["vcpus"] !== undefined && settings["maxVcpus"] === undefined)
    base["maxVcpus"] = Math.max(Number(settings["vcpus"]) || 0, guest.maxVcpus);
  return guestOfSettings(context, { ...base, ...settings }, running);
}

/** Steps on standard error from what the host tells. */
export function progressTeller(progress: Progress): {
  tell(line: CreateProgress): void;
  end(ok: "done" | "failed"): void;
} {
  let step: Step | undefined;
  let title = "";
  const next = (wanted: string): Step => {
    if (step && title === wanted) return step;
    step?.done();
    title = wanted;
    return (step = progress.step(wanted));
  };
  return {
    tell(line) {
      if (line.phase === "prepare") next(line.what);
      else if (line.phase === "create") next("create the guest");
      else {
        const percent = line.total > 0 ? Math.floor((line.done / line.total) * 100) : 100;
        const file = path.basename(line.file);
        next(`send ${file}`).update(`${formatBytes(line.done)} of ${formatBytes(line.total)}, ${percent}%`);
      }
    },
    end(ok) {
      if (ok === "done") step?.done();
      else step?.fail();
    },
  };
}

/** Names of the host's disks; undefined where it cannot tell, and every name may be one. */
const hostDisks = (client: HostClient): Promise<string[] | undefined> =>
  client.disks().then(
    ({ host }) => host.map(({ name }) => name),
    () => undefined,
  );

export default defineVerb({
  args,
  completes: { file: "file", kernel: "file", ramdisk: "file", "device-tree": "file" },
  about:
    "Options change what the file says. Without a file, --kernel and the options describe the guest (256 MiB, 1 vCPU).",
  examples: [
    ["create web.yaml", "from a configuration"],
    ["create /etc/xen/web.cfg -c", "from an xl.cfg, then go to its console"],
    ["create typeone.config.ts db --name db2 --memory 512", "a second one like db"],
    ["create --kernel debian --name three --vcpus 2", "the project's own Debian"],
  ],
  async run(given, context) {
    const client = await context.connect();
    const { harts, memory } = await client.host();
    const disks = await hostDisks(client);
    const running = { harts, memoryBytes: memory.totalBytes, ...(disks ? { disks } : {}) };
    const guest = await wantedGuest(context, given, running);
    const teller = progressTeller(context.progress);
    const start = given.start !== false;
    const created = await client
      .createGuest(guest, { start, onProgress: (line) => teller.tell(line), signal: context.signal })
      .catch((error: unknown) => {
        teller.end("failed");
        throw error;
      });
    teller.end("done");
    if (context.format === "json") printJson(context, created);
    else remark(context, `${created.name}: ${start ? "started" : `created; typeone start ${created.name} starts it`}`);
    if (!given.console) return EXIT.ok;
    return attach(context, client, { name: created.name, options: { from: "start" } });
  },
});
