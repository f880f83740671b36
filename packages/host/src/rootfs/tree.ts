// SPDX-License-Identifier: Apache-2.0
// A file tree on its way into an image: files lie in a folder of the workstation, owned by whoever runs this; who owns
// them in the image, and modes that a user may not set, are kept beside it and put in by filesystem.ts. Called by
// unpack.ts and image.ts.
import { chmod, link, lstat, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import type { TarEntry } from "./tar.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** 0o755 and the like as dpkg leaves a folder that several packages bring: the first one decides. */
export class Tree {
  readonly dir: string;
  /** By path without "/" in front; what is not in it belongs to root. */
  readonly owners = new Map<string, Owner>();

  constructor(dir: string) {
    this.dir = dir;
  }

  path(name: string): string {
    return path.join(this.dir, name);
  }

  async put(entry: TarEntry): Promise<void> {
    const to = this.path(entry.name);
    if (entry.uid !== 0 || entry.gid !== 0) this.owners.set(entry.name, { uid: entry.uid, gid: entry.gid });
    switch (entry.kind) {
      case "directory":
        if (await isDirectory(to)) return;
        await mkdir(to, { recursive: true });
        // A folder that its owner may not enter could not be filled by a user.
        return chmod(to, entry.mode | 0o700);
      case "symlink":
        if (await isDirectory(to)) return;
        await this.#clear(to);
        return symlink(entry.target, to);
      case "hardlink":
        await this.#clear(to);
        return link(this.path(entry.target), to);
      case "file":
        return this.write(entry.name, entry.data, entry.mode);
    }
  }

  /** Writes a file, with the folders above it. */
  async write(name: string, data: Uint8Array | string, mode: number): Promise<void> {
    const to = this.path(name);
    await this.#clear(to);
    await writeFile(to, data);
    await chmod(to, mode);
  }

  async #clear(to: string): Promise<void> {
    await mkdir(path.dirname(to), { recursive: true });
    await rm(to, { force: true });
  }

  read(name: string): Promise<Buffer> {
    return readFile(this.path(name));
  }

  has(name: string): Promise<boolean> {
    return lstat(this.path(name)).then(
      () => true,
      () => false,
    );
  }
}

/** Also when it is reached through a link, as /lib is. */
async function isDirectory(file: string): Promise<boolean> {
  return stat(file).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
