// SPDX-License-Identifier: Apache-2.0
// How a check ends: each problem on a line of standard error and a failing exit code, or nothing at all.

const SHOWN = 20;

export function report(problems: readonly string[]): void {
  for (const problem of problems.slice(0, SHOWN)) console.error(`✗ ${problem}`);
  if (problems.length > SHOWN) console.error(`✗ and ${problems.length - SHOWN} more`);
  if (problems.length > 0) process.exitCode = 1;
}
