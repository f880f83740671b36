// SPDX-License-Identifier: Apache-2.0
// `typeone image FILE -o OUT`: a system as one bootable file: hypervisor, guests, and what they are.
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { System } from "@typeone/config";
import { type BootImage, composeBoot, ensureTools, formatBytes, inStep } from "@typeone/host";
import type { Context } from "../context.ts";
import { usageError } from "../errors.ts";
import { printJson, remark } from "../output/print.ts";
import { readSystem, systemFile } from "../system-file.ts";
import { defineVerb } from "../verb.ts";

const FORMATS = ["elf", "image", "uboot"] as const;
type Format = (typeof FORMATS)[number];

const SCRIPT = "boot.scr";

/** Places and descriptions of the system's guests. */
async function compose(
  context: Context,
  system: System,
  work: { folder: string; hypervisor: string },
): Promise<BootImage> {
  const { fillChosen, guestSpec, machineOptions } = await import("@typeone/config");
  const { debianFiles, needsDebian, resolveGuest } = await import("@typeone/daemon");
  const guests = system.guests.filter((guest) => guest.autostart);
  const debian = guests.some(needsDebian) ? await debianFiles(context.progress) : undefined;
  const specs = await Promise.all(
    guests.map(async (guest) => guestSpec(...(await resolveGuest(guest, work.folder, debian)))),
  );
  return composeBoot({
    machine: machineOptions(system.host),
    guests: specs,
    hypervisor: work.hypervisor,
    outDir: work.folder,
    editTree: (tree) => void fillChosen(tree.ensure("/chosen"), system),
  });
}

async function write(file: string, parts: readonly Uint8Array[]): Promise<number> {
  const handle = await open(file, "w");
  let bytes = 0;
  try {
    for (const part of parts) {
      await handle.writeFile(part);
      bytes += part.length;
    }
  } finally {
    await handle.close();
  }
  return bytes;
}

interface Job {
  readonly system: System;
  readonly format: Format;
  readonly output: string;
  readonly hypervisor: string | undefined;
}

async function make(
  context: Context,
  { system, format, output, hypervisor }: Job,
): Promise<{ bytes: number; script?: string }> {
  await ensureTools(context.progress);
  const { elfImage, flatImage } = await import("../image/image.ts");
  const flat =
    hypervisor ??
    (await inStep(context.progress, "build the hypervisor", async (step) => {
      const { buildHypervisor } = await import("@typeone/toolchain");
      const { image, id } = await buildHypervisor();
      step.done(id);
      return image;
    }));
  const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-image-"));
  try {
    const boot = await compose(context, system, { folder, hypervisor: flat });
    return await inStep(context.progress, "write the image", async (step) => {
      const bytes = await write(output, await (format === "elf" ? elfImage : flatImage)(boot, flat));
      step.done(formatBytes(bytes));
      if (format !== "uboot") return { bytes };
      const { bootScript, scriptImage } = await import("../image/uboot.ts");
      const script = path.join(path.dirname(output), SCRIPT);
      await writeFile(script, scriptImage(bootScript(path.basename(output)), "TypeOne"));
      return { bytes, script };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How to boot it under QEMU, from the host that the system describes. */
function bootLine({ host }: System, file: string): string {
  const cpu = `${host.cpu},h=on,sstc=${host.sstc ? "on" : "off"}`;
  const memory = `${host.memoryBytes / 2 ** 20}M`;
  return `qemu-system-riscv64 -M virt,aia=${host.aia} -cpu ${cpu} -smp ${host.harts} -m ${memory} -nographic -kernel ${file}`;
}

export default defineVerb({
  args: {
    file: { type: "positional", required: false, description: "configuration" },
    output: { type: "string", alias: "o", required: true, valueHint: "OUT", description: "file to write" },
    format: {
      type: "enum",
      alias: "f",
      options: [...FORMATS],
      valueHint: "FORM",
      default: "elf",
      description: "elf, image (flat, as Linux's) or uboot (flat, and boot.scr beside it)",
    },
    hypervisor: { type: "string", valueHint: "FILE", description: "a flat Image instead of the hypervisor built here" },
  },
  output: "file",
  completes: { file: "file", output: "file", hypervisor: "file" },
  about:
    "The image adds its guests to the device tree that firmware gives, so it boots wherever RAM begins at 0x80000000 and\n" +
    "is as large as the configuration says. Guests with autostart: false are left out.",
  examples: [
    ["image typeone.config.ts -o system.elf", "for QEMU's -kernel, and loaders that read ELF"],
    ["image typeone.config.ts -o system.img --format image", "wherever a Linux Image boots"],
    ["image typeone.config.ts -o boot/system.img --format uboot", "a folder for a U-Boot disk"],
  ],
  async run({ file, output, format, hypervisor }, context) {
    if (output === "") throw usageError("-o needs a file");
    const source = await systemFile(context, file);
    const system = await readSystem(context, source);
    const at = path.resolve(context.cwd, output);
    const job = {
      system,
      format: format as Format,
      output: at,
      hypervisor: hypervisor && path.resolve(context.cwd, hypervisor),
    };
    const { bytes, script } = await make(context, job);
    const qemu = bootLine(system, at);
    if (context.format === "json") printJson(context, { file: at, format, bytes, ...(script ? { script } : {}), qemu });
    else remark(context, `wrote ${output}${script ? ` and ${SCRIPT}` : ""}\n  ${qemu}`);
  },
});
