// SPDX-License-Identifier: Apache-2.0
// Disassembles the image and fails on any floating-point or vector instruction outside the two functions that save and
// restore a guest's registers: one such instruction elsewhere corrupts a guest. Run by npm test after the build.
import { buildHypervisor, tool } from "@typeone/toolchain";
import { countInstructions, findGuestRegisterUse } from "../packages/lint/src/checks/encoding.ts";
import { report } from "./lib/report.ts";

/** The symbols of runtime/ that may touch the registers. */
const ALLOWED = new Set(["fp_save", "fp_restore"]);

const { elf } = await buildHypervisor();
const { stdout } = await tool("objdump", ["-d", elf]);
const count = countInstructions(stdout);
console.log(`${count} instructions, floating point allowed in ${[...ALLOWED].join(" and ")} only`);
const problems = findGuestRegisterUse(stdout, ALLOWED).map(
  ({ symbol, address, text }) => `${symbol} uses the guest's registers at ${address}: ${text}`,
);
report(count < 1000 ? ["the listing is too short to be the hypervisor", ...problems] : problems);
