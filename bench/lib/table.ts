// SPDX-License-Identifier: Apache-2.0
// How the benches print: aligned tables on standard output, progress on standard error, results as JSON files.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { REPO } from "@typeone/toolchain";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? "";
        return align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
      })
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join("\n");
}

/** 1234567 → "1,234,567"; what is not there is a dash. */
export function count(value: number | undefined, digits = 0): string {
  if (value === undefined) return "–";
  const [whole, part] = value.toFixed(digits).split(".") as [string, string | undefined];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

export function verdict(measured: number | undefined, target: number | undefined): string {
  if (measured === undefined) return "not measured";
  if (target === undefined) return "";
  if (measured <= target) return "reached";
  return `missed by ${((measured / target - 1) * 100).toFixed(1)} %`;
}

export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Writes `bench/results/NAME.json`; answers the file's name relative to the repository. */
export async function keep(name: string, result: unknown): Promise<string> {
  const file = path.join("bench/results", `${name}.json`);
  await mkdir(path.join(REPO, "bench/results"), { recursive: true });
  await writeFile(path.join(REPO, file), `${JSON.stringify(result, null, 2)}\n`);
  return file;
}
