// SPDX-License-Identifier: Apache-2.0
// What the io soak did so far, added up by kind of traffic, and the table that it ends with. Pure.

export interface Row {
  readonly what: string;
  /** Bytes written to a disk. */
  readonly written: number;
  /** Bytes that were read back, or received, and compared or counted. */
  readonly checked: number;
  readonly errors: number;
}

export class Totals {
  readonly #rows = new Map<string, Row>();

  add({ what, written, checked, errors }: Row): void {
    const before = this.#rows.get(what);
    this.#rows.set(what, {
      what,
      written: (before?.written ?? 0) + written,
      checked: (before?.checked ?? 0) + checked,
      errors: (before?.errors ?? 0) + errors,
    });
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  get errors(): number {
    return this.rows.reduce((sum, { errors }) => sum + errors, 0);
  }

  /** Kinds of traffic by which nothing was checked: no errors there says nothing. */
  get idle(): readonly string[] {
    return this.rows.filter(({ checked }) => checked === 0).map(({ what }) => what);
  }
}

const MB = 1e6;
export const inMb = (bytes: number): string => (bytes / MB).toFixed(1);

/** Lines of text, the columns under each other. */
export function tableOf(rows: readonly Row[]): string[] {
  const cells = rows.map(({ what, written, checked, errors }) => [what, inMb(written), inMb(checked), String(errors)]);
  const all = [["", "MB written", "MB checked", "errors"], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const padded = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0);
  return all.map((row) => row.map(padded).join("  "));
}
