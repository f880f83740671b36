// SPDX-License-Identifier: Apache-2.0
// The files that guests start from: are they there, are they what they should be, do they fit into the guest's memory.
// Reads the first bytes of each, and device trees whole.
import { open, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FdtError, parse, parseDts, serialize } from "@typeone/fdt";
import type { Path } from "../problem.ts";
import { UNKNOWN_FILE } from "../read/tree.ts";
import { DEBIAN } from "../schema.ts";
import { suggest } from "../suggest.ts";
import { formatSize, isFault, KIB, MIB } from "../units.ts";
import { HEAD_BYTES, judgeKernel, type Kernel } from "./kernel.ts";
import type { Entry, Say } from "./system.ts";

/** What the hypervisor keeps free at the end of a guest's memory for its device tree. */
export const TREE_ROOM = 64 * KIB;
const PAGE = 4 * KIB;
/** A Debian kernel with less does not reach its userland. */
const DEBIAN_LEAST = 64 * MIB;

export interface KnownFile {
  readonly size: number;
  readonly head: Uint8Array;
}

/** Looks at all files of the guests; answers the sizes of those that are there, by absolute name. */
export async function checkFiles(entries: readonly Entry[], say: Say): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const entry of entries) {
    const { guest } = entry;
    const kernel = await look(guest.kernel, [...entry.path, "kernel"], say);
    const ramdisk = await look(guest.ramdisk, [...entry.path, "ramdisk"], say);
    const tree = await look(guest.deviceTree, [...entry.path, "deviceTree"], say);
    for (const [name, known] of [
      [guest.kernel, kernel],
      [guest.ramdisk, ramdisk],
      [guest.deviceTree, tree],
    ] as const) {
      if (name !== undefined && known) sizes.set(name, known.size);
    }
    const judged = kernel && checkKernel(kernel, [...entry.path, "kernel"], say);
    if (ramdisk) checkRamdisk(ramdisk, [...entry.path, "ramdisk"], say);
    if (tree && guest.deviceTree !== undefined) await checkTree(guest.deviceTree, [...entry.path, "deviceTree"], say);
    if (judged && (ramdisk || guest.ramdisk === undefined)) checkFit(entry, judged, ramdisk?.size ?? 0, say);
    checkDebian(entry, say);
  }
  return sizes;
}

/** Size and first bytes of a file; says what is wrong if there is none. Nothing for names that stand for no file. */
export async function look(file: string | undefined, at: Path, say: Say): Promise<KnownFile | undefined> {
  if (file === undefined || file === DEBIAN || path.basename(file) === UNKNOWN_FILE) return undefined;
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => error);
  if (info instanceof Error) {
    say(at, { severity: "error", message: `there is no file ${file}`, fix: await similar(file) });
    return undefined;
  }
  if (!info.isFile()) {
    const what = info.isDirectory() ? "a folder" : "no ordinary file";
    say(at, { severity: "error", message: `${file} is ${what}`, fix: "name a file" });
    return undefined;
  }
  if (info.size === 0) {
    say(at, { severity: "error", message: `${file} is empty`, fix: "build or download it again" });
    return undefined;
  }
  try {
    return { size: info.size, head: await headOf(file) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    say(at, { severity: "error", message: `${file} cannot be read (${code})`, fix: `allow it: chmod +r ${file}` });
    return undefined;
  }
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** What a person may have meant by the name of a file that is not there. */
export async function similar(file: string): Promise<string> {
  const names = await readdir(path.dirname(file)).catch(() => undefined);
  if (names === undefined)
    return `there is no folder ${path.dirname(file)} either: names are relative to the configuration`;
  const meant = suggest(path.basename(file), names);
  return meant === undefined ? "check the name: it is relative to the configuration" : `did you mean ${meant}?`;
}

function checkKernel({ head, size }: KnownFile, at: Path, say: Say): Kernel | undefined {
  const kernel = judgeKernel(head, size);
  if (isFault(kernel)) {
    say(at, { severity: "error", message: `the file ${kernel.wrong}`, fix: kernel.fix });
    return undefined;
  }
  if (kernel.format === "flat") {
    const message = "has no Linux Image header: it is loaded as a flat binary, 2 MiB into the guest's memory";
    say(at, { severity: "note", message });
  }
  return kernel;
}

function checkRamdisk({ head, size }: KnownFile, at: Path, say: Say): void {
  const text = Buffer.from(head).toString("latin1");
  const kernel = judgeKernel(head, size);
  if (!isFault(kernel) && kernel.format === "linux-image") {
    say(at, {
      severity: "error",
      message: "the file is a kernel",
      fix: "name the ramdisk here and the kernel as kernel",
    });
  } else if (text.startsWith("\x27\x05\x19\x56")) {
    const message = "the file is wrapped for U-Boot (uInitrd), which kernels do not read";
    say(at, { severity: "error", message, fix: "unwrap it: dumpimage -o initrd FILE" });
  }
}

async function checkTree(file: string, at: Path, say: Say): Promise<void> {
  try {
    const bytes = await readFile(file);
    const size = file.endsWith(".dts") ? serialize(parseDts(bytes.toString(), { file })).length : bytes.length;
    if (!file.endsWith(".dts")) parse(bytes);
    if (size <= TREE_ROOM) return;
    say(at, {
      severity: "error",
      message: `is ${formatSize(size)}; a guest's tree must fit ${formatSize(TREE_ROOM)}`,
      fix: "make it smaller",
    });
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    const fix = file.endsWith(".dts") ? "correct it there" : "compile it: dtc -O dtb, or name a .dts";
    say(at, { severity: "error", message: `is no device tree: ${error.message}`, fix });
  }
}

/** As core/guest/load.ts lays a guest out: kernel at its offset, ramdisk and tree at the end. */
function checkFit({ guest, path: at }: Entry, kernel: Kernel, ramdisk: number, say: Say): void {
  const kernelEnd = kernel.offset + kernel.extent;
  const least = kernelEnd + Math.ceil(ramdisk / PAGE) * PAGE + TREE_ROOM;
  if (guest.memoryBytes >= least) return;
  const parts = [`its kernel takes ${formatSize(kernel.extent)} at ${formatSize(kernel.offset)}`];
  if (ramdisk > 0) parts.push(`its ramdisk ${formatSize(ramdisk)}`);
  say([...at, "memory"], {
    severity: "error",
    message: `${formatSize(guest.memoryBytes)} are too little: ${parts.join(", ")}, its device tree ${formatSize(TREE_ROOM)}`,
    fix: `write at least "${Math.ceil(least / (2 * MIB)) * 2}MiB", better twice that`,
  });
}

function checkDebian({ guest, path: at }: Entry, say: Say): void {
  if (guest.kernel !== DEBIAN) return;
  if (guest.memoryBytes < DEBIAN_LEAST) {
    const message = `${formatSize(guest.memoryBytes)} are too little for Debian's kernel`;
    say([...at, "memory"], { severity: "error", message, fix: `write at least "${DEBIAN_LEAST / MIB}MiB"` });
  }
}
