// SPDX-License-Identifier: Apache-2.0
// Reads the tar archives inside Debian packages (ustar with GNU's long names, as dpkg-deb writes them). Pure: bytes in,
// entries out. Called by unpack.ts. It refuses names that leave the archive's folder.

export type TarKind = "file" | "directory" | "symlink" | "hardlink";

export interface TarEntry {
  readonly kind: TarKind;
  /** Without "./" in front and "/" behind; "" is the root itself. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Where a link leads: as written for symbolic ones, a name in the archive for hard ones. */
  readonly target: string;
  readonly data: Buffer;
}

const BLOCK = 512;
const KINDS: Readonly<Record<string, TarKind>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

/** An octal number, or GNU's base-256 one. */
function numberOf(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(text(field).trim() || "0", 8);
  return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x7f);
}

/** A name in the archive without its dressing. */
export function plainName(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new Error(`the archive's entry ${JSON.stringify(name)} leaves its folder`);
  return parts.join("/");
}

/** The entries of a whole archive, in order. */
export function* readTar(archive: Buffer): Generator<TarEntry> {
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    const size = numberOf(header.subarray(124, 136));
    const data = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (data.length < size) throw new Error("the archive ends inside an entry");
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === "L") longName = text(data);
    else if (type === "K") longTarget = text(data);
    else {
      const kind = KINDS[type];
      const prefix = header.toString("latin1", 257, 263) === "ustar\0" ? text(header.subarray(345, 500)) : "";
      const short = text(header.subarray(0, 100));
      const name = longName ?? (prefix === "" ? short : `${prefix}/${short}`);
      const target = longTarget ?? text(header.subarray(157, 257));
      if (!kind) throw new Error(`the archive's entry ${JSON.stringify(name)} is of kind ${JSON.stringify(type)}`);
      yield {
        kind,
        name: plainName(name),
        mode: numberOf(header.subarray(100, 108)) & 0o7777,
        uid: numberOf(header.subarray(108, 116)),
        gid: numberOf(header.subarray(116, 124)),
        target: kind === "hardlink" ? plainName(target) : target,
        data,
      };
      longName = longTarget = undefined;
    }
  }
}
