// SPDX-License-Identifier: Apache-2.0
// The benches: `npm run bench -- exits|boot [--json] [--hypervisor FILE]`. Ends with 0 when it could measure, whatever
// the verdicts; `--strict` makes a missed target a failure.
import { buildHypervisor } from "@typeone/toolchain";
import { benchBoot } from "./boot.ts";
import { benchExits } from "./exits.ts";

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function main(): Promise<number> {
  const what = process.argv[2];
  if (what !== "exits" && what !== "boot") {
    console.error("usage: npm run bench -- exits|boot [--json] [--strict] [--hypervisor FILE]");
    return 2;
  }
  const hypervisor = option("--hypervisor") ?? (await buildHypervisor()).elf;
  const json = process.argv.includes("--json");
  const iterations = Number(option("--iterations") ?? 10_000);
  const reached =
    what === "exits" ? await benchExits({ hypervisor, json, iterations }) : await benchBoot({ hypervisor, json });
  return reached || !process.argv.includes("--strict") ? 0 : 1;
}

process.exitCode = await main();
