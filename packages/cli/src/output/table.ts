// SPDX-License-Identifier: Apache-2.0
// Aligned columns for people and for `awk`: titles in capitals, two spaces between, no rules. Cells may be coloured.
// Pure.
import stringWidth from "string-width";
import { PLAIN, type Style } from "./style.ts";

export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  cell(row: Row, style: Style): string;
}

export interface TableOptions {
  readonly style?: Style;
  /** Leaves the titles away. */
  readonly titles?: "shown" | "hidden";
}

const pad = (cell: string, width: number, align: "left" | "right" | undefined): string => {
  const room = " ".repeat(Math.max(0, width - stringWidth(cell)));
  return align === "right" ? room + cell : cell + room;
};

/** The table without its last newline. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { style = PLAIN, titles = "shown" }: TableOptions = {},
): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row, style)));
  const heads = titles === "shown" ? [columns.map((column) => column.title)] : [];
  const widths = columns.map((_, i) => Math.max(0, ...[...heads, ...cells].map((line) => stringWidth(line[i] ?? ""))));
  const line = (parts: readonly string[]): string =>
    parts
      .map((part, i) => pad(part, widths[i] as number, columns[i]?.align))
      .join("  ")
      .replace(/ +$/, "");
  return [...heads.map((head) => style.bold(line(head))), ...cells.map(line)].join("\n");
}

/** `name   value` lines with the names aligned. */
export function facts(pairs: readonly (readonly [string, string | undefined])[], style: Style = PLAIN): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${style.bold(name.padEnd(width))}  ${value}`).join("\n");
}
