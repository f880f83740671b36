// SPDX-License-Identifier: Apache-2.0
// The files behind disks: are they there, are they of the format that is said, how large are they. Of the host's disks and of
// guests' RAM disks.
import { open, stat } from "node:fs/promises";
import type { HostDisk } from "../devices/devices.ts";
import type { Path } from "../problem.ts";
import { formatSize, SECTOR } from "../units.ts";
import { look, similar } from "./files.ts";
import type { Entry, Say } from "./system.ts";

const QCOW2 = Buffer.from("QFI\xfb", "latin1");
/** The virtual size in a qcow2 header, big-endian. */
const QCOW2_SIZE = 24;

/** Sectors of the host's disks by name, of those whose size can be known. */
export async function checkDiskFiles(disks: readonly HostDisk[], say: Say): Promise<ReadonlyMap<string, number>> {
  const sectors = new Map<string, number>();
  for (const disk of disks) {
    const bytes = await bytesOf(disk, ["disks", disk.name], say);
    if (bytes !== undefined) sectors.set(disk.name, Math.floor(bytes / SECTOR));
  }
  return sectors;
}

async function bytesOf({ file, format, sizeBytes }: HostDisk, at: Path, say: Say): Promise<number | undefined> {
  const info = await stat(file).catch(() => undefined);
  if (!info) {
    if (sizeBytes !== undefined && format === "raw") return sizeBytes;
    const message = `there is no file ${file}`;
    if (sizeBytes === undefined) say([...at, "file"], { severity: "error", message, fix: await missingFix(file) });
    else {
      const fix = `make it: qemu-img create -f qcow2 ${file} ${sizeBytes}, or use format raw`;
      say([...at, "file"], { severity: "error", message: `${message}, and only raw files are made`, fix });
    }
    return undefined;
  }
  if (info.isBlockDevice()) return undefined;
  if (!info.isFile()) {
    const what = info.isDirectory() ? "a folder" : "no disk image";
    say([...at, "file"], { severity: "error", message: `${file} is ${what}`, fix: "name a file" });
    return undefined;
  }
  const head = await headOf(file);
  if (!head) {
    const fix = `allow it: chmod u+rw ${file}`;
    say([...at, "file"], { severity: "error", message: `${file} cannot be read`, fix });
    return undefined;
  }
  return sizeOf({ file, head, bytes: info.size }, { format, sizeBytes }, { at, say });
}

interface Content {
  readonly file: string;
  readonly head: Buffer;
  readonly bytes: number;
}

function sizeOf(
  { file, head, bytes }: Content,
  { format, sizeBytes }: { readonly format: string; readonly sizeBytes: number | undefined },
  { at, say }: { readonly at: Path; readonly say: Say },
): number | undefined {
  const qcow2 = head.subarray(0, QCOW2.length).equals(QCOW2);
  if (qcow2 !== (format === "qcow2")) {
    const [message, fix] = qcow2
      ? [`${file} is a qcow2 image, not a raw one`, 'write format: "qcow2"']
      : [`${file} is no qcow2 image`, 'write format: "raw"'];
    say([...at, "format"], { severity: "error", message, fix });
    return undefined;
  }
  if (bytes === 0) {
    say([...at, "file"], { severity: "error", message: `${file} is empty`, fix: "remove it and give the disk a size" });
    return undefined;
  }
  const size = qcow2 && head.length >= QCOW2_SIZE + 8 ? Number(head.readBigUInt64BE(QCOW2_SIZE)) : bytes;
  if (sizeBytes !== undefined && size !== sizeBytes) {
    const message = `${formatSize(sizeBytes)} do not count: ${file} is there, with ${formatSize(size)}`;
    say([...at, "size"], {
      severity: "warning",
      message,
      fix: "remove the setting, or the file to have it made again",
    });
  }
  return size;
}

async function missingFix(file: string): Promise<string> {
  return `${await similar(file)}\nor give the disk a size, and it is made`;
}

async function headOf(file: string): Promise<Buffer | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const head = Buffer.alloc(QCOW2_SIZE + 8);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Content of the guests' RAM disks; adds sizes by file name. */
export async function checkContents(entries: readonly Entry[], sizes: Map<string, number>, say: Say): Promise<void> {
  for (const { guest, path } of entries) {
    for (const [i, { source }] of (guest.disks ?? []).entries()) {
      if (!("file" in source)) continue;
      const size = await checkContent(source.file, [...path, "disks", i, "from", "file"], say);
      if (size !== undefined) sizes.set(source.file, size);
    }
  }
}

/** Content of one RAM disk; answers its size if it is there. */
export async function checkContent(file: string, at: Path, say: Say): Promise<number | undefined> {
  const known = await look(file, at, say);
  if (!known) return undefined;
  if (Buffer.from(known.head.subarray(0, QCOW2.length)).equals(QCOW2)) {
    const fix = `convert it: qemu-img convert -O raw ${file} FILE`;
    say(at, { severity: "error", message: "the file is a qcow2 image; a RAM disk's content is raw", fix });
  } else if (known.size % SECTOR !== 0) {
    const message = `the file has ${known.size} bytes, which are no whole sectors of 512`;
    say(at, { severity: "error", message, fix: `fill it up: truncate -s %512 ${file}` });
  }
  return known.size;
}
