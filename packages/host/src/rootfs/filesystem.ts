// SPDX-License-Identifier: Apache-2.0
// Makes an ext4 file system on a whole disk image from a tree, as any user: mke2fs copies the files, debugfs gives them
// the owners that they have in the image. Called by image.ts.
import { lstat, readdir, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { StepError, lastLines } from "../errors.ts";
import { findProgram, run } from "../run.ts";
import { runForBytes } from "./program.ts";
import type { Owner, Tree } from "./tree.ts";

/** Names that debugfs reads as they are, with quotes around. */
const quoted = (name: string): string => `"/${name.replaceAll('"', '""')}"`;

/** What debugfs has to be told: owners of files that are not as whoever made the tree left them. */
export function ownerCommands(owners: Iterable<readonly [string, Owner]>): string {
  const lines: string[] = [];
  for (const [name, { uid, gid }] of owners) {
    lines.push(`set_inode_field ${quoted(name)} uid ${uid}`, `set_inode_field ${quoted(name)} gid ${gid}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Each path of the tree with its owner in the image; `maker` is who owns the files here. */
async function* ownersOf(tree: Tree, maker: Owner, folder = ""): AsyncGenerator<readonly [string, Owner]> {
  for (const entry of await readdir(tree.path(folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    const owner = tree.owners.get(name) ?? { uid: 0, gid: 0 };
    if (owner.uid !== maker.uid || owner.gid !== maker.gid) yield [name, owner];
    if (entry.isDirectory()) yield* ownersOf(tree, maker, name);
  }
}

export interface FilesystemOptions {
  readonly file: string;
  readonly label: string;
  readonly sizeMiB: number;
}

/** Writes the image, sparse. Loaders (U-Boot) know only the older features: the newest are left out. */
export async function makeFilesystem(tree: Tree, { file, label, sizeMiB }: FilesystemOptions): Promise<void> {
  const step = "make the file system";
  await writeFile(file, "");
  await truncate(file, sizeMiB * 2 ** 20);
  await runForBytes({
    step,
    program: "mke2fs",
    args: [
      ...["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "16384", "-m", "0", "-J", "size=16"],
      ...["-L", label, "-O", "^metadata_csum_seed,^orphan_file"],
      ...["-E", "root_owner=0:0,assume_storage_prezeroed=1,lazy_itable_init=0"],
      ...["-d", tree.dir, file],
    ],
  });
  const made = await lstat(tree.dir);
  const maker = { uid: made.uid, gid: made.gid };
  const owners: (readonly [string, Owner])[] = [];
  for await (const one of ownersOf(tree, maker)) owners.push(one);
  if (owners.length === 0) return;
  await debugfs(file, `${tree.dir}.owners`, ownerCommands(owners));
}

/** debugfs answers 0 whatever happens: its error lines count. */
async function debugfs(file: string, script: string, commands: string): Promise<void> {
  const step = "make the file system";
  const program = await findProgram("debugfs");
  if (!program) throw new StepError({ step, why: "debugfs is not on this machine", fix: "run: npm run doctor" });
  await writeFile(script, commands);
  const result = await run(program, ["-w", "-f", script, file]);
  const errors = result.stderr.split("\n").filter((line) => line !== "" && !/^debugfs \d/.test(line));
  if (result.code !== 0 || errors.length > 0) {
    throw new StepError({ step, why: lastLines(errors.join("\n"), 4) || "debugfs failed" });
  }
}
