// SPDX-License-Identifier: Apache-2.0
// `typeone rootfs ls|build`, `npm run image -- debian`: disk images with a Debian root file system for guests, made from
// Debian's packages and kept in the cache.
import { stat } from "node:fs/promises";
import { type DebianImage, cachedDebianImage, ensureTools, formatBytes, getDebianImage } from "@typeone/host";
import { usageError } from "../errors.ts";
import { printJson, printRows, remark } from "../output/print.ts";
import type { Column } from "../output/table.ts";
import { defineVerb } from "../verb.ts";

const SYSTEM = "debian";

interface Row {
  readonly name: string;
  readonly id: string;
  readonly kernelVersion: string;
  readonly packages: number;
  /** Of the disk: its size, and what it takes in the cache. */
  readonly bytes: number;
  readonly usedBytes: number;
  readonly kernel: string;
  readonly ramdisk: string;
  readonly disk: string;
  readonly key: string;
}

async function rowOf(image: DebianImage): Promise<Row> {
  const { size, blocks } = await stat(image.disk);
  return {
    name: image.kind === "base" ? SYSTEM : `${SYSTEM} --${image.kind}`,
    id: image.id,
    kernelVersion: image.kernelVersion,
    packages: image.packages.length,
    bytes: size,
    usedBytes: blocks * 512,
    kernel: image.kernel,
    ramdisk: image.ramdisk,
    disk: image.disk,
    key: image.key.path,
  };
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAME", cell: (row) => row.name },
  { title: "ID", cell: (row) => row.id },
  { title: "KERNEL", cell: (row) => row.kernelVersion },
  { title: "PACKAGES", align: "right", cell: (row) => String(row.packages) },
  { title: "SIZE", align: "right", cell: (row) => formatBytes(row.bytes) },
  { title: "USED", align: "right", cell: (row) => formatBytes(row.usedBytes) },
  { title: "DISK", cell: (row) => row.disk },
];

export const ls = defineVerb({
  args: {},
  about: "Shows only what was made from the recipe as it is now (guests/debian).",
  examples: [["rootfs ls", "what guests can boot from a disk, and where it lies"]],
  async run(_args, context) {
    const images = [await cachedDebianImage("base"), await cachedDebianImage("tools")];
    const rows = await Promise.all(images.flatMap((image) => (image ? [rowOf(image)] : [])));
    printRows(context, rows, { columns: COLUMNS, none: "none; make one with: typeone rootfs build" });
  },
});

export const build = defineVerb({
  args: {
    system: { type: "positional", required: false, default: SYSTEM, description: `${SYSTEM}, which is all there is` },
    tools: { type: "boolean", description: "with fio, iperf3 and rt-tests" },
    refresh: { type: "boolean", description: "ask the mirror for newer packages, also when there is an image" },
  },
  about:
    "The first time takes some minutes: packages come through apt (signatures checked, nothing of this machine's changes),\n" +
    "and configure themselves in one run under QEMU. guests/debian says what is in it.",
  examples: [
    ["rootfs build", "the image that the demo's guests boot from"],
    ["rootfs build debian --tools", "one more, with what tests and measurements run"],
  ],
  async run({ system, tools, refresh }, context) {
    if (system !== SYSTEM) throw usageError(`there is no recipe for ${JSON.stringify(system)}, only ${SYSTEM}`);
    await ensureTools(context.progress);
    const image = await getDebianImage({
      progress: context.progress,
      kind: tools === true ? "tools" : "base",
      fetch: refresh === true ? "refresh" : "missing",
    });
    const row = await rowOf(image);
    if (context.format === "json") return printJson(context, { ...row, fromCache: image.fromCache });
    const size = `${row.packages} packages, ${formatBytes(row.usedBytes)} of ${formatBytes(row.bytes)}`;
    remark(
      context,
      `${image.fromCache ? "in the cache" : "made"}: ${row.disk}\n  ${size}, kernel ${row.kernelVersion}`,
    );
  },
});
