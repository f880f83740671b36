// SPDX-License-Identifier: Apache-2.0
// Writes the spec tables as AssemblyScript constants into core/ (`npm run generate`), or with --check compares them
// with what is committed and fails on a difference. Run by people and by npm test; never part of a build.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { render } from "./render.ts";
import { renderCore, renderCoreStructs, renderDeviceStructs, renderNode } from "./render-wire.ts";
import { blockGroups } from "./tables/block.ts";
import { csrNumberGroups } from "./tables/csr.ts";
import { deviceGroups } from "./tables/devices.ts";
import { csrFieldGroups } from "./tables/fields.ts";
import { hostVirtioGroups } from "./tables/host-virtio.ts";
import { irqGroups } from "./tables/irqchips.ts";
import { netGroups } from "./tables/net.ts";
import { pciGroups } from "./tables/pci.ts";
import { sbiGroups } from "./tables/sbi.ts";
import { exitKinds, traceGroups } from "./tables/trace.ts";
import { virtioDeviceGroups } from "./tables/virtio.ts";

const REPO = path.resolve(import.meta.dirname, "../../..");

const outputs = [
  {
    file: "core/arch/riscv64/csr.ts",
    title: "RISC-V CSR numbers and fields, causes, interrupt numbers and page-table entries.",
    tables: "packages/spec/src/tables/csr.ts and fields.ts",
    groups: [...csrNumberGroups, ...csrFieldGroups],
  },
  {
    file: "core/arch/riscv64/sbi-spec.ts",
    title: "The Supervisor Binary Interface: extensions, functions, errors and states.",
    tables: "packages/spec/src/tables/sbi.ts",
    groups: sbiGroups,
  },
  {
    file: "core/arch/riscv64/irq/spec.ts",
    title: "Registers of PLIC, APLIC and IMSIC.",
    tables: "packages/spec/src/tables/irqchips.ts",
    groups: irqGroups,
  },
  {
    file: "core/dev/spec.ts",
    title: "Registers of the 16550 UART and of the Goldfish RTC, and VirtIO.",
    tables: "packages/spec/src/tables/devices.ts",
    groups: deviceGroups,
  },
  {
    file: "core/host/virtio/spec.ts",
    title: "PCI functions, and VirtIO devices as their driver sees them.",
    tables: "packages/spec/src/tables/host-virtio.ts",
    groups: hostVirtioGroups,
  },
  {
    file: "core/dev/virtio/spec.ts",
    title: "VirtIO as a guest's device sees it: rings, console, entropy, balloon.",
    tables: "packages/spec/src/tables/virtio.ts",
    groups: virtioDeviceGroups,
  },
  {
    file: "core/dev/pci/spec.ts",
    title: "PCI functions as a guest finds them.",
    tables: "packages/spec/src/tables/host-virtio.ts and pci.ts",
    groups: pciGroups,
  },
  {
    file: "core/dev/virtio/net-spec.ts",
    title: "VirtIO network, and fields of Ethernet, IP, TCP and UDP.",
    tables: "packages/spec/src/tables/net.ts",
    groups: netGroups,
  },
  {
    file: "core/dev/virtio/block-spec.ts",
    title: "VirtIO block.",
    tables: "packages/spec/src/tables/block.ts",
    groups: blockGroups,
  },
  {
    file: "core/trace/spec.ts",
    title: "Records of the trace and their kinds.",
    tables: "packages/spec/src/tables/trace.ts",
    groups: traceGroups,
  },
  {
    file: "core/guest/exit-kinds.ts",
    title: "Kinds of exits.",
    tables: "packages/spec/src/tables/trace.ts",
    groups: [exitKinds],
  },
] as const;

/** What each generated file should hold, by its path relative to the repository. */
export function generated(): Map<string, string> {
  return new Map([
    ...outputs.map((output): [string, string] => [output.file, render(output)]),
    ["core/mgmt/wire.ts", renderCore()],
    ["core/mgmt/wire-structs.ts", renderCoreStructs()],
    ["core/mgmt/wire-device-structs.ts", renderDeviceStructs()],
    ["packages/protocol/src/generated.ts", renderNode()],
  ]);
}

async function main(check: boolean): Promise<number> {
  const stale: string[] = [];
  for (const [file, text] of generated()) {
    const target = path.join(REPO, file);
    const current = await readFile(target, "utf8").catch(() => "");
    if (current === text) continue;
    stale.push(file);
    if (check) continue;
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
    console.log(`wrote ${file}`);
  }
  if (check && stale.length > 0) {
    console.error(`differs from the tables in packages/spec: ${stale.join(", ")}\nrun: npm run generate`);
    return 1;
  }
  console.log(`${generated().size} generated files are up to date`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.includes("--check"));
}
