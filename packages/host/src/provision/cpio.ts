// SPDX-License-Identifier: Apache-2.0
// Writes a cpio archive in the "newc" form, which is what the Linux kernel unpacks as its initramfs. Pure: entries in,
// bytes out, the same bytes for the same entries (no times, no host owners). Called by initramfs.ts.
//
//   "070701" ino mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check   (13 × 8 hex digits)
//   name\0 padded to 4 · data padded to 4 · … · entry "TRAILER!!!" · padded to 512

const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

export type CpioEntry =
  | { readonly kind: "directory"; readonly name: string; readonly mode?: number }
  | { readonly kind: "file"; readonly name: string; readonly data: Uint8Array | string; readonly mode?: number }
  | { readonly kind: "symlink"; readonly name: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly name: string;
      readonly major: number;
      readonly minor: number;
      readonly mode?: number;
    };

interface Raw {
  readonly mode: number;
  readonly data: Buffer;
  readonly nlink: number;
  readonly rdev: readonly [number, number];
}

function rawOf(entry: CpioEntry): Raw {
  const none = Buffer.alloc(0);
  switch (entry.kind) {
    case "directory":
      return { mode: S_IFDIR | (entry.mode ?? 0o755), data: none, nlink: 2, rdev: [0, 0] };
    case "file":
      return { mode: S_IFREG | (entry.mode ?? 0o644), data: Buffer.from(entry.data), nlink: 1, rdev: [0, 0] };
    case "symlink":
      return { mode: S_IFLNK | 0o777, data: Buffer.from(entry.target), nlink: 1, rdev: [0, 0] };
    case "device":
      return { mode: S_IFCHR | (entry.mode ?? 0o600), data: none, nlink: 1, rdev: [entry.major, entry.minor] };
  }
}

const padTo = (bytes: Buffer, boundary: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((boundary - (bytes.length % boundary)) % boundary)]);

function record(ino: number, name: string, raw: Raw): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [ino, raw.mode, 0, 0, raw.nlink, 0, raw.data.length, 0, 0, ...raw.rdev, nameBytes.length, 0];
  const hex = fields.map((field) => field.toString(16).toUpperCase().padStart(8, "0")).join("");
  return Buffer.concat([padTo(Buffer.concat([Buffer.from(`070701${hex}`), nameBytes]), 4), padTo(raw.data, 4)]);
}

/** The archive of `entries`; a directory must come before what it holds. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const seen = new Set<string>();
  const records = entries.map((entry, index) => {
    const name = entry.name.replace(/^\/+/, "");
    if (name === "" || seen.has(name))
      throw new Error(`cpio entry ${JSON.stringify(entry.name)} is empty or given twice`);
    const parent = name.slice(0, Math.max(name.lastIndexOf("/"), 0));
    if (parent !== "" && !seen.has(parent)) throw new Error(`cpio entry ${name} comes before its directory`);
    seen.add(name);
    return record(index + 1, name, rawOf(entry));
  });
  const trailer = record(0, "TRAILER!!!", { mode: 0, data: Buffer.alloc(0), nlink: 1, rdev: [0, 0] });
  return padTo(Buffer.concat([...records, trailer]), 512);
}
