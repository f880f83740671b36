// SPDX-License-Identifier: Apache-2.0
// Checks what must hold for every file of the repository: licence line, no path of one machine, no private registry,
// no note to oneself. Run by npm test.
import { repositoryFindings } from "../packages/lint/src/checks/repository.ts";
import { report } from "./lib/report.ts";
import { trackedFiles } from "./lib/tracked.ts";

const files = await trackedFiles();
const findings = files.flatMap(({ path, text }) => repositoryFindings(path, text));
console.log(`${files.length} files looked at`);
report(findings.map(({ path, line, what }) => `${path}:${line} ${what}`));
