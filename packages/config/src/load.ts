// SPDX-License-Identifier: Apache-2.0
// The package's front door: a file of any known format in, a checked system or guest and all problems out. Never throws
// for what a person wrote.
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { z } from "zod";
import type { Devices } from "./check/devices.ts";
import { checkSystem, type Entry } from "./check/system.ts";
import { MISSING, problemsOf, report, type Reporter, show } from "./issues.ts";
import { hasErrors, type Path, type Problem, sortProblems } from "./problem.ts";
import { type Reading, type Source, unreadable } from "./read/source.ts";
import { readJson, readYaml } from "./read/yaml.ts";
import { readToml } from "./read/toml.ts";
import { readTs } from "./read/ts.ts";
import { readTree } from "./read/tree.ts";
import { readXl } from "./read/xl.ts";
import { toHostDisks, toNetworks } from "./devices/devices.ts";
import { hostDisksSchema, networksSchema } from "./devices/schema.ts";
import { guestSchema, hostSchema, systemSchema } from "./schema.ts";
import { type Guest, type Host, type System, toGuest, toHost } from "./system.ts";

export interface LoadOptions {
  /** Files of a dom0less tree's modules by their address, as the tree's `reg` gives it: "0x90000000". */
  readonly modules?: Readonly<Record<string, string>>;
  /** "files" (default) also looks at kernels and ramdisks; "none" leaves the disk alone. */
  readonly look?: "files" | "none";
  /** The host that runs already: guests are for it, one at a time, whatever host the file describes. */
  readonly running?: Pick<Host, "harts" | "memoryBytes"> & { readonly disks?: readonly string[] };
}

export interface LoadedSystem {
  /** Present unless there are errors. */
  readonly system?: System;
  readonly problems: readonly Problem[];
}

export interface LoadedGuest {
  /** Present unless there are errors. */
  readonly guest?: Guest;
  readonly problems: readonly Problem[];
}

/** Names that a system's file has when nobody says another, in the order of search. */
export const DEFAULT_FILES = ["ts", "mts", "js", "mjs", "yaml", "yml", "json", "toml"].map(
  (end) => `typeone.config.${end}`,
);

const KNOWN = "TypeOne reads .ts, .js, .yaml, .json, .toml, .cfg (xl), .dts and .dtb files";

/** Reads and checks a system. A file that describes one guest is a system of that guest on the usual host. */
export async function loadSystem(file: string, options: LoadOptions = {}): Promise<LoadedSystem> {
  const { source, problems } = await read(file, options);
  if (!source) return { problems };
  const result = await checkSource(source, options);
  const all = sortProblems([...problems, ...result.problems.filter((found) => !isEcho(found, problems))]);
  return hasErrors(all) ? { problems: all } : { system: result.system, problems: all };
}

/** Reads one guest: from a file that describes only it, or by name from a system (unnamed if it is the only one). */
export async function loadGuest(file: string, name?: string, options: LoadOptions = {}): Promise<LoadedGuest> {
  const { system, problems } = await loadSystem(file, options);
  if (!system) return { problems };
  const found = name === undefined ? system.guests : system.guests.filter((guest) => guest.name === name);
  if (found.length === 1 && found[0]) return { guest: found[0], problems };
  const names = system.guests.map((guest) => guest.name).join(", ");
  const message =
    system.guests.length === 0
      ? "describes no guest"
      : name === undefined
        ? `describes ${system.guests.length} guests: ${names}`
        : `has no guest ${name}, only ${names}`;
  const fix = name === undefined && system.guests.length > 0 ? "say which" : undefined;
  return { problems: [...problems, { severity: "error", file, path: "", message, ...(fix ? { fix } : {}) }] };
}

/** Whether a setting is missing only because its reader could not read it, and has said so. */
function isEcho(problem: Problem, before: readonly Problem[]): boolean {
  return (
    problem.message === MISSING && before.some(({ severity, path: of }) => severity === "error" && of === problem.path)
  );
}

async function read(file: string, options: LoadOptions): Promise<Reading> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === "ENOENT" ? "there is no such file" : `cannot be read (${code ?? String(error)})`;
    return unreadable(file, message);
  }
  const input = { file, text: bytes.toString("utf8") };
  switch (path.extname(file).toLowerCase()) {
    case ".ts":
    case ".mts":
    case ".cts":
    case ".js":
    case ".mjs":
    case ".cjs":
      return readTs(input);
    case ".yaml":
    case ".yml":
      return readYaml(input);
    case ".json":
      return readJson(input);
    case ".toml":
      return readToml(input);
    case ".dts":
    case ".dtb":
      return readTree(file, bytes, options.modules ?? {});
    case ".cfg":
    case ".xl":
    case ".hvm":
    case ".pvh":
    case "":
      return readXl(input);
    default:
      return unreadable(file, `nothing is known of files that end with ${path.extname(file)}`, { fix: KNOWN });
  }
}

/** Names and places as the file has them: one guest's file knows nothing of guests[0]. */
function reporterOf(source: Source): Reporter {
  const inner = (at: Path): Path => (source.kind === "guest" ? at.slice(2) : at);
  return {
    file: source.file,
    locate: (at) => source.locate(inner(at)),
    nameOf: (at) =>
      source.nameOf?.(inner(at)) ?? (source.kind === "guest" ? at.slice(2).map(String).join(".") : undefined),
    ...(source.write ? { write: source.write } : {}),
  };
}

async function checkSource(source: Source, options: LoadOptions): Promise<{ system: System; problems: Problem[] }> {
  const reporter = reporterOf(source);
  const whole = source.kind === "guest" ? { guests: [source.data] } : source.data;
  const parsed = systemSchema.safeParse(whole, { reportInput: true });
  const problems = parsed.success ? [] : problemsOf(parsed.error, systemSchema, reporter);
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) {
    const message = `must be a group of settings (host, guests), not ${show(whole)}`;
    problems.splice(0, problems.length, report(reporter, [], { severity: "error", message }));
  }
  const folder = path.dirname(path.resolve(source.file));
  // What is sound is checked further even if something beside it is not: all problems at once.
  const { host, guests, ...parts } = parsed.success ? allParts(parsed.data) : soundParts(whole);
  const absolute = path.resolve(source.file);
  const disks = toHostDisks(parts.disks ?? {}, absolute);
  const networks = toNetworks(parts.networks ?? {});
  const described = host && toHost(host);
  const fallback = toHost(hostSchema.parse({}));
  const { running } = options;
  const has = running && { harts: running.harts, memoryBytes: running.memoryBytes };
  const resolved = has ? { ...(described ?? fallback), ...has } : described;
  const entries = guests.map(({ settings, index }): Entry => ({
    guest: toGuest(settings, folder, resolved),
    path: ["guests", index],
    settings,
  }));
  const look = options.look ?? "files";
  const together = options.running ? "one at a time" : "all";
  const devices: Devices = { disks, networks, ...namesIn(whole, source.kind, options), of: source.kind };
  const input = { host: resolved, entries, data: guestsIn(whole), devices, reporter, look, together } as const;
  problems.push(...(await checkSystem(input)));
  const system: System = {
    file: absolute,
    host: resolved ?? fallback,
    ...(disks.length > 0 ? { disks } : {}),
    ...(networks.length > 0 ? { networks } : {}),
    guests: entries.map(({ guest }) => guest),
  };
  return { system, problems };
}

/** Names of disks and networks that guests may use, also of those with faults of their own; undefined: any. */
function namesIn(
  data: unknown,
  of: Source["kind"],
  { running }: LoadOptions,
): Pick<Devices, "diskNames" | "networkNames"> {
  const keys = (key: "disks" | "networks"): string[] => {
    const value: unknown =
      typeof data === "object" && data !== null ? (data as Partial<Record<string, unknown>>)[key] : {};
    return typeof value === "object" && value !== null ? Object.keys(value) : [];
  };
  // A network that only guests name is a switch of theirs; a system's file names them all.
  return {
    diskNames: running ? running.disks : keys("disks"),
    networkNames: running || of === "guest" ? undefined : keys("networks"),
  };
}

interface Sound {
  readonly settings: z.output<typeof guestSchema>;
  readonly index: number;
}

interface Parts {
  readonly disks?: z.output<typeof hostDisksSchema>;
  readonly networks?: z.output<typeof networksSchema>;
  readonly host: z.output<typeof hostSchema> | undefined;
  readonly guests: readonly Sound[];
}

function allParts({ host, guests, disks, networks }: z.output<typeof systemSchema>): Parts {
  return { host, disks, networks, guests: guests.map((settings, index) => ({ settings, index })) };
}

/** The host and the guests that can be read by themselves; no host if it cannot. */
function soundParts(data: unknown): Parts {
  const host = typeof data === "object" && data !== null && "host" in data ? data.host : undefined;
  const sound = guestsIn(data).flatMap((guest, index): Sound[] => {
    const parsed = guestSchema.safeParse(guest);
    return parsed.success ? [{ settings: parsed.data, index }] : [];
  });
  return {
    host: hostSchema.safeParse(host ?? {}).data,
    disks: soundEntries(data, "disks", hostDisksSchema),
    networks: soundEntries(data, "networks", networksSchema),
    guests: sound,
  };
}

/** Those entries of a record that can be read by themselves. */
function soundEntries<T extends z.ZodType>(data: unknown, key: string, schema: T): z.output<T> {
  const value: unknown =
    typeof data === "object" && data !== null ? (data as Partial<Record<string, unknown>>)[key] : {};
  const sound = Object.entries(typeof value === "object" && value !== null ? value : {}).filter(
    ([name, entry]) => schema.safeParse({ [name]: entry }).success,
  );
  return schema.parse(Object.fromEntries(sound));
}

function guestsIn(data: unknown): readonly unknown[] {
  const guests: unknown = typeof data === "object" && data !== null && "guests" in data ? data.guests : undefined;
  return Array.isArray(guests) ? (guests as unknown[]) : [];
}
