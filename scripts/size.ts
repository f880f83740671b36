// SPDX-License-Identifier: Apache-2.0
// `npm run size`: how large the image is, section by section, its largest functions, and the source. Fails when text and
// data together pass the limit; scripts/check-sizes.ts holds the limits of the source.
import { stat } from "node:fs/promises";
import { buildHypervisor, tool, typeScriptName } from "@typeone/toolchain";
import { readFunctions, readSections } from "../packages/lint/src/checks/listing.ts";
import { report } from "./lib/report.ts";

/** Text and data of the image, design 2.12. */
const IMAGE_LIMIT = 208 * 1024;
const LARGEST_SHOWN = 12;
const KIB = 1024;

const kib = (bytes: number): string => `${(bytes / KIB).toFixed(1).padStart(7)} KiB`;

const { elf, image } = await buildHypervisor();
const sections = readSections((await tool("size", ["-A", elf])).stdout);
const total = [...sections].reduce((sum, [name, bytes]) => sum + (name === ".bss" ? 0 : bytes), 0);
for (const [name, bytes] of sections) console.log(`${name.padEnd(18)}${kib(bytes)}`);
console.log(`${"text and data".padEnd(18)}${kib(total)} (at most ${IMAGE_LIMIT / KIB} KiB)`);
console.log(`${"flat image".padEnd(18)}${kib((await stat(image)).size)}`);

console.log("\nlargest functions");
const functions = readFunctions((await tool("nm", ["-S", "-n", elf])).stdout, typeScriptName);
for (const { name, bytes } of functions.sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST_SHOWN)) {
  console.log(`${String(bytes).padStart(7)} bytes  ${name}`);
}
console.log("");
await import("./check-sizes.ts");
if (total > IMAGE_LIMIT) report([`text and data are over ${IMAGE_LIMIT / KIB} KiB`]);
