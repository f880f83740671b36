// SPDX-License-Identifier: Apache-2.0
// The benches: `npm run bench -- exits|boot|virtio [--json] [--hypervisor FILE]`. Ends with 0 when it could measure, whatever
// the verdicts; `--strict` makes a missed target a failure.
import { buildHypervisor } from "@typeone/toolchain";
import { benchBoot } from "./boot.ts";
import { benchExits } from "./exits.ts";
import { benchVirtio } from "./virtio.ts";

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const BENCHES = ["exits", "boot", "virtio"] as const;

async function main(): Promise<number> {
  const what = BENCHES.find((name) => name === process.argv[2]);
  if (what === undefined) {
    console.error("usage: npm run bench -- exits|boot|virtio [--json] [--strict] [--hypervisor FILE]");
    console.error("       virtio: [--only LIST] of bare,kvm,typeone,block,network");
    return 2;
  }
  const hypervisor = option("--hypervisor") ?? (await buildHypervisor()).elf;
  const json = process.argv.includes("--json");
  const iterations = Number(option("--iterations") ?? 10_000);
  const only = option("--only");
  const run = {
    exits: () => benchExits({ hypervisor, json, iterations }),
    boot: () => benchBoot({ hypervisor, json }),
    virtio: () => benchVirtio({ hypervisor, json, ...(only === undefined ? {} : { only }) }),
  };
  const reached = await run[what]();
  return reached || !process.argv.includes("--strict") ? 0 : 1;
}

process.exitCode = await main();
