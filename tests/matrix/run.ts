// SPDX-License-Identifier: Apache-2.0
// `npm run test:matrix`: the Debian guest in every cell of the matrix, two QEMUs at a time, as a table.
//   --only TEXT   cells whose name contains TEXT (more than once: all of them)     --list   names only
//   --again       forget what an earlier, interrupted run has already passed       --json   the outcomes as JSON
//   --hypervisor FILE   this ELF instead of building one
// A run that was interrupted goes on where it stopped, as long as the hypervisor is the same.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { BUILD_DIR } from "@typeone/host";
import { buildHypervisor } from "@typeone/toolchain";
import { runCell, type Outcome } from "./cell.ts";
import { CELLS, type Cell } from "./cells.ts";

const AT_A_TIME = 2;
const STATE = path.join(BUILD_DIR, "matrix/state.json");

interface State {
  readonly hypervisor: string;
  readonly passed: readonly Outcome[];
}

const flag = (name: string): boolean => process.argv.includes(name);

function values(name: string): string[] {
  return process.argv.flatMap((word, i) => (word === name ? [process.argv[i + 1] ?? ""] : []));
}

function chosen(): readonly Cell[] {
  const only = values("--only");
  return only.length === 0 ? CELLS : CELLS.filter(({ name }) => only.some((text) => name.includes(text)));
}

async function readState(hypervisor: string): Promise<Map<string, Outcome>> {
  if (flag("--again")) return new Map();
  const state = await readFile(STATE, "utf8").then(
    (text) => JSON.parse(text) as State,
    () => undefined,
  );
  return new Map(state?.hypervisor === hypervisor ? state.passed.map((outcome) => [outcome.name, outcome]) : []);
}

const show = (outcome: Outcome): string =>
  `${outcome.ok ? "ok  " : "FAIL"} ${outcome.seconds.toFixed(1).padStart(6)} s  ${outcome.name}`;

async function runAll(cells: readonly Cell[], elf: string): Promise<Outcome[]> {
  const hypervisor = createHash("sha256")
    .update(await readFile(elf))
    .digest("hex");
  const passed = await readState(hypervisor);
  const done = new Map<string, Outcome>();
  const waiting = [...cells];
  const worker = async (): Promise<void> => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const known = passed.get(cell.name);
      const outcome = known ?? (await runCell(cell, elf));
      done.set(cell.name, outcome);
      process.stderr.write(`${show(outcome)}${known ? " (earlier)" : ""}\n`);
      if (!outcome.ok) process.stderr.write(`${outcome.note.replace(/^/gm, "      │ ")}\n`);
      if (!outcome.ok || known) continue;
      passed.set(cell.name, outcome);
      await writeFile(STATE, JSON.stringify({ hypervisor, passed: [...passed.values()] } satisfies State));
    }
  };
  await mkdir(path.dirname(STATE), { recursive: true });
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return cells.flatMap((cell) => done.get(cell.name) ?? []);
}

/** Rows are machines, columns numbers of harts; special cells are listed below. */
function printTable(outcomes: readonly Outcome[]): void {
  const rows = new Map<string, Map<string, Outcome>>();
  const others: Outcome[] = [];
  for (const outcome of outcomes) {
    const match = /^(\d) harts? (.*)$/.exec(outcome.name);
    if (!match) others.push(outcome);
    else {
      const row = rows.get(match[2] as string) ?? new Map<string, Outcome>();
      rows.set(match[2] as string, row.set(match[1] as string, outcome));
    }
  }
  const harts = ["1", "2", "4", "8"];
  if (rows.size > 0) console.log(`${"".padEnd(28)}${harts.map((n) => `${n} harts`.padStart(10)).join("")}`);
  for (const [name, row] of rows) {
    const shown = (outcome: Outcome | undefined): string =>
      outcome === undefined ? "–" : outcome.ok ? `${outcome.seconds.toFixed(1)} s` : "FAIL";
    console.log(`${name.padEnd(28)}${harts.map((n) => shown(row.get(n)).padStart(10)).join("")}`);
  }
  for (const outcome of others) console.log(`${show(outcome)}${outcome.ok && outcome.note ? `: ${outcome.note}` : ""}`);
  const failed = outcomes.filter(({ ok }) => !ok).length;
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
}

async function main(): Promise<number> {
  const cells = chosen();
  if (flag("--list")) {
    for (const { name } of cells) console.log(name);
    return 0;
  }
  const elf = values("--hypervisor")[0] ?? (await buildHypervisor()).elf;
  const outcomes = await runAll(cells, elf);
  if (flag("--json")) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
  else printTable(outcomes);
  return outcomes.length > 0 && outcomes.every(({ ok }) => ok) ? 0 : 1;
}

process.exitCode = await main();
