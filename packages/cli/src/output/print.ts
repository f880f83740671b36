// SPDX-License-Identifier: Apache-2.0
// How verbs hand over what they found: data to standard output as a table or as JSON, remarks to standard error.
import type { Context } from "../context.ts";
import { type Column, table } from "./table.ts";

/** Big integers as numbers while they are exact, as text beyond; bytes as hexadecimal text. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    const small = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    return small ? Number(value) : value.toString();
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

export function printLine(context: Context, text: string): void {
  context.stdout.write(`${text}\n`);
}

/** A remark for people: what was done, what comes. Nothing when the output is for a program. */
export function remark(context: Context, text: string): void {
  if (context.format === "table") context.stderr.write(`${text}\n`);
}

/** One JSON document. */
export function printJson(context: Context, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value, plain, 2)}\n`);
}

/** One JSON document on one line, for streams of them. */
export function printJsonLine(context: Context, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value, plain)}\n`);
}

export interface RowPrinting<Row> {
  readonly columns: readonly Column<Row>[];
  /** Said on standard error when there are none. */
  readonly none: string;
}

export function printRows<Row>(context: Context, rows: readonly Row[], { columns, none }: RowPrinting<Row>): void {
  if (context.format === "json") printJson(context, rows);
  else if (rows.length === 0) remark(context, none);
  else printLine(context, table(columns, rows, { style: context.style }));
}
