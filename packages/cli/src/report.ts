// SPDX-License-Identifier: Apache-2.0
// How the CLI speaks to people: failures with their fix, aligned tables. Results go to standard output, the rest to
// standard error. A stack trace is printed only for a defect of our own, or when TYPEONE_TRACE is set.
import { StepError } from "@typeone/host";
import pc from "picocolors";

const indent = (text: string, by: string): string => text.replaceAll("\n", `\n${by}`);

/** Prints what failed and what to do. */
export function reportFailure(error: unknown, sink: { write(text: string): unknown } = process.stderr): void {
  if (error instanceof StepError) {
    sink.write(`${pc.red("error")}: ${error.step}\n  ${indent(error.why, "  ")}\n`);
    if (error.fix) sink.write(`${pc.bold("fix")}:\n  ${indent(error.fix, "  ")}\n`);
    if (process.env["TYPEONE_TRACE"]) sink.write(`${error.stack ?? ""}\n`);
    return;
  }
  const expected = error instanceof Error && ["CLIError", "RangeError", "ConsoleError"].includes(error.name);
  if (expected) sink.write(`${pc.red("error")}: ${error.message}\n`);
  else
    sink.write(
      `${pc.red("error")} (a defect of TypeOne's tools): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
}

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** A plain table with a rule below its titles. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? "";
        const width = widths[i] as number;
        return column.align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(columns.map((column) => column.title)), rule, ...rows.map(line)].join("\n");
}

/** 1234567 → "1,234,567". */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
