// SPDX-License-Identifier: Apache-2.0
// What must hold for every committed file whatever its language: the licence line, no path of somebody's machine, no
// private registry, no note to oneself. Called by scripts/check-repo.ts; pure.

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

const LICENSE = "SPDX-License-Identifier: Apache-2.0";
const SOURCE = /\.(ts|js|mjs|S|c|h|ld|sh)$|^\.ci\/run$/;

/** Homes and work folders of a machine. The pattern is written in pieces so that this file passes its own check. */
const MACHINE_PATH = new RegExp(String.raw`(?<![\w.@~}-])/(?:${["home", "root", "work", "Users"].join("|")})/[\w.-]`);
const NOTE = new RegExp(String.raw`\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\b`);
const PUBLIC_REGISTRY = "https://registry.npmjs.org/";

function licenseFinding(path: string, lines: readonly string[]): Finding[] {
  if (!SOURCE.test(path)) return [];
  // A script's first line is its interpreter.
  const at = lines[0]?.startsWith("#!") ? 1 : 0;
  return lines[at]?.includes(LICENSE) ? [] : [{ path, line: at + 1, what: "the licence line is missing" }];
}

function lockFindings(path: string, lines: readonly string[]): Finding[] {
  return lines.flatMap((line, index) => {
    const resolved = /"resolved": "(https?:[^"]*)"/.exec(line)?.[1];
    if (resolved === undefined || resolved.startsWith(PUBLIC_REGISTRY)) return [];
    return [{ path, line: index + 1, what: "the lock file names a registry that others cannot reach" }];
  });
}

/** Everything wrong with one file. */
export function repositoryFindings(path: string, text: string): Finding[] {
  const lines = text.split("\n");
  if (path === "package-lock.json") return lockFindings(path, lines);
  if (path === "LICENSE") return [];
  const found = licenseFinding(path, lines);
  for (const [index, line] of lines.entries()) {
    const report = (what: string): number => found.push({ path, line: index + 1, what });
    if (MACHINE_PATH.test(line)) report("names a path of one machine");
    if (NOTE.test(line)) report("leaves a note instead of doing the work");
  }
  return found;
}
