// SPDX-License-Identifier: Apache-2.0
// dpkg's records of packages that are unpacked and not yet configured, written as dpkg itself would have on unpacking
// them: its status file, the folder of lists and scripts, and who waits for which trigger. Pure. Called by unpack.ts;
// `dpkg --configure -a` in the image goes on from there.
import { createHash } from "node:crypto";
import type { TarEntry } from "./tar.ts";

/** A package as its two archives say. */
export interface UnpackedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The name of its files in dpkg's folder: with the architecture where several may be installed. */
  readonly base: string;
  readonly status: string;
  /** Lists, scripts and the like, by name in dpkg's folder. */
  readonly info: ReadonlyMap<string, { readonly data: Buffer | string; readonly mode: number }>;
  readonly triggers: readonly Interest[];
}

export interface Interest {
  /** A path, or the name of an explicit trigger. */
  readonly trigger: string;
  /** As it stands in dpkg's records: the package, with "/noawait" where nobody waits. */
  readonly record: string;
}

/** The fields of a control file, continuation lines with their line breaks. */
export function parseControl(control: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of control.split("\n")) {
    const match = /^([^\s:]+):\s?(.*)$/.exec(line);
    if (match) {
      last = match[1] as string;
      fields.set(last, match[2] as string);
    } else if (line.startsWith(" ") && last !== "") fields.set(last, `${fields.get(last)}\n${line}`);
  }
  return fields;
}

/** Paths of configuration files that the package brings (not those that an upgrade removes). */
export function conffilePaths(list: string): string[] {
  return list.split("\n").filter((line) => line.startsWith("/"));
}

export function parseTriggers(text: string, owner: string): Interest[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*interest(-await|-noawait)?\s+(\S+)/.exec(line);
    if (!match) return [];
    return [{ trigger: match[2] as string, record: match[1] === "-noawait" ? `${owner}/noawait` : owner }];
  });
}

function statusOf(control: string, conffiles: ReadonlyMap<string, string>): string {
  const [first, ...rest] = control.trimEnd().split("\n");
  const lines = [first, "Status: install ok unpacked", ...rest];
  if (conffiles.size > 0) lines.push("Conffiles:", ...[...conffiles].map(([file, md5]) => ` ${file} ${md5}`));
  return `${lines.join("\n")}\n`;
}

/** One package's records, from the entries of its control and data archives. */
export function recordsOf(control: readonly TarEntry[], data: readonly TarEntry[]): UnpackedPackage {
  const member = (name: string) => control.find((entry) => entry.name === name)?.data.toString() ?? "";
  const fields = parseControl(member("control"));
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`a package's control file lacks ${name}`);
    return value;
  };
  const [name, architecture] = [field("Package"), field("Architecture")];
  const base = fields.get("Multi-Arch") === "same" ? `${name}:${architecture}` : name;
  const conffiles = new Map<string, string>();
  const wanted = conffilePaths(member("conffiles"));
  for (const file of wanted) {
    const entry = data.find((candidate) => `/${candidate.name}` === file);
    if (entry) conffiles.set(file, createHash("md5").update(entry.data).digest("hex"));
  }
  const info = new Map<string, { data: Buffer | string; mode: number }>();
  const paths = data.map((entry) => (entry.name === "" ? "/." : `/${entry.name}`));
  info.set(`${base}.list`, { data: `${paths.join("\n")}\n`, mode: 0o644 });
  for (const entry of control) {
    if (entry.kind !== "file" || entry.name === "control") continue;
    info.set(`${base}.${entry.name}`, { data: entry.data, mode: entry.mode });
  }
  return {
    name,
    version: field("Version"),
    architecture,
    base,
    status: statusOf(member("control"), conffiles),
    info,
    triggers: parseTriggers(member("triggers"), name),
  };
}

/** dpkg's files for all packages, by path below its folder. */
export function databaseFiles(
  packages: readonly UnpackedPackage[],
): Map<string, { data: Buffer | string; mode: number }> {
  const files = new Map<string, { data: Buffer | string; mode: number }>();
  const plain = (name: string, data: string) => files.set(name, { data, mode: 0o644 });
  plain("status", packages.map((one) => one.status).join("\n"));
  for (const name of ["available", "diversions", "statoverride"]) plain(name, "");
  plain("info/format", "1\n");
  for (const one of packages) for (const [name, file] of one.info) files.set(`info/${name}`, file);
  const interests = packages.flatMap((one) => one.triggers);
  const byPath = interests.filter(({ trigger }) => trigger.startsWith("/"));
  plain("triggers/File", byPath.map(({ trigger, record }) => `${trigger} ${record}\n`).join(""));
  plain("triggers/Unincorp", "");
  for (const { trigger, record } of interests) {
    if (trigger.startsWith("/")) continue;
    const name = `triggers/${trigger}`;
    plain(name, `${String(files.get(name)?.data ?? "")}${record}\n`);
  }
  return files;
}
