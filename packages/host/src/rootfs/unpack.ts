// SPDX-License-Identifier: Apache-2.0
// Unpacks Debian packages into a tree and records them there as dpkg would, without running anything of theirs: works for
// any user and on any processor. Their scripts run later, in the image (second-stage.ts). Called by image.ts.
import os from "node:os";
import type { Step } from "../progress.ts";
import { type UnpackedPackage, databaseFiles, recordsOf } from "./dpkg-database.ts";
import { exclusion } from "./glob.ts";
import type { SolvedPackage } from "./packages.ts";
import { inParallel, runForBytes } from "./program.ts";
import { type TarEntry, readTar } from "./tar.ts";
import type { Tree } from "./tree.ts";

const DPKG = "var/lib/dpkg";

/** The entries of one of a package's two archives. */
export async function entriesOf(deb: string, part: "--fsys-tarfile" | "--ctrl-tarfile"): Promise<TarEntry[]> {
  const archive = await runForBytes({ step: `unpack ${deb}`, program: "dpkg-deb", args: [part, deb] });
  return [...readTar(archive)];
}

interface OpenPackage {
  readonly records: UnpackedPackage;
  readonly data: readonly TarEntry[];
}

async function open(deb: string): Promise<OpenPackage> {
  const [control, data] = await Promise.all([entriesOf(deb, "--ctrl-tarfile"), entriesOf(deb, "--fsys-tarfile")]);
  return { records: recordsOf(control, data), data };
}

/** The links /bin, /lib and /sbin come first: other packages' files lie behind them. */
const firstOf = (deb: string): number => (/\/base-files_[^/]*$/.test(deb) ? 0 : 1);

/** Unpacks all of `debs`; answers their records in the order of `solved`, which has each before what depends on it. */
export async function unpackPackages(
  debs: readonly string[],
  solved: readonly SolvedPackage[],
  { tree, exclude, step }: { readonly tree: Tree; readonly exclude: readonly string[]; readonly step: Step },
): Promise<UnpackedPackage[]> {
  const isOut = exclusion(exclude);
  let done = 0;
  const put = async (deb: string): Promise<UnpackedPackage> => {
    const { records, data } = await open(deb);
    for (const entry of data) {
      if (!isOut(`/${entry.name}`)) await tree.put(entry);
    }
    step.update(`${++done} of ${debs.length}  ${records.name}`);
    return records;
  };
  const ordered = [...debs].sort((a, b) => firstOf(a) - firstOf(b));
  const [base, ...rest] = ordered;
  const unpacked = base === undefined ? [] : [await put(base)];
  unpacked.push(...(await inParallel(rest, os.availableParallelism(), put)));
  const place = new Map(solved.map(({ name }, index) => [name, index]));
  return unpacked.sort((a, b) => (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0));
}

/** Writes dpkg's own files, and apt's note of what was not asked for by name. */
export async function writeDatabase(
  tree: Tree,
  packages: readonly UnpackedPackage[],
  wanted: readonly string[],
): Promise<void> {
  for (const [name, { data, mode }] of databaseFiles(packages)) await tree.write(`${DPKG}/${name}`, data, mode);
  for (const name of ["updates", "alternatives", "parts"]) await tree.put(folder(`${DPKG}/${name}`));
  const automatic = packages.filter(({ name }) => !wanted.includes(name));
  const marks = automatic.map((one) => `Package: ${one.name}\nArchitecture: riscv64\nAuto-Installed: 1\n`);
  await tree.write("var/lib/apt/extended_states", marks.join("\n"), 0o644);
}

function folder(name: string): TarEntry {
  return { kind: "directory", name, mode: 0o755, uid: 0, gid: 0, target: "", data: Buffer.alloc(0) };
}
