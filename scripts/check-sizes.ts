// SPDX-License-Identifier: Apache-2.0
// Prints how large core/ and runtime/ are and how many hardware imports there are, and fails over the limits.
// Run by npm test (`npm run size` adds the image's sections).
import { LIMITS, measure, sizeProblems } from "../packages/lint/src/checks/sizes.ts";
import { report } from "./lib/report.ts";
import { trackedFiles } from "./lib/tracked.ts";

const sizes = measure(await trackedFiles(["core", "runtime"]));
const { coreLargest } = sizes;
console.log(`core/             ${sizes.coreFiles} files, ${sizes.coreLines} lines`);
console.log(`  median file     ${sizes.coreMedian} lines (at most ${LIMITS.coreMedian})`);
console.log(`  largest file    ${coreLargest.lines} lines (at most ${LIMITS.coreFile}): ${coreLargest.path}`);
console.log(`runtime/          ${sizes.runtimeLines} lines of assembly and C (at most ${LIMITS.runtimeTotal})`);
console.log(`hardware imports  ${sizes.hardwareImports} in core/hw.ts (at most ${LIMITS.hardwareImports})`);
report(sizeProblems(sizes));
