// SPDX-License-Identifier: Apache-2.0
// A model of the terminal that a person looks at, of 80 columns for lines that begin with the prompt: what counts is what
// stands there, not which bytes drew it. Knows only the sequences that the hypervisor may send; any other is an error.

export const PROMPT = "typeone> ";
const COLUMNS = 80;

export interface Screen {
  /** Lines from the top; the last one is where the cursor is. */
  readonly lines: readonly string[];
  readonly cursor: number;
}

export function screenOf(output: string): Screen {
  let lines: string[] = [""];
  let column = 0;
  const last = (): string => lines.at(-1) ?? "";
  const set = (text: string): void => void (lines[lines.length - 1] = text);
  for (const [token] of output.matchAll(/\u001b\[[0-9;]*[A-Za-z]|[^]/g)) {
    if (token === "\r") column = 0;
    else if (token === "\n") {
      lines.push("");
      column = 0;
    } else if (token === "\b") column = Math.max(0, column - 1);
    else if (token === "\u001b[K") set(last().slice(0, column));
    else if (token === "\u001b[2J") lines = [""];
    else if (token === "\u001b[H") column = 0;
    else if (token.length > 1 || token < " " || token > "~") {
      if (token !== "\u001b[0m") throw new Error(`the terminal was sent ${JSON.stringify(token)}`);
    } else {
      const line = last().padEnd(column);
      set(line.slice(0, column) + token + line.slice(column + 1));
      column += 1;
      if (column >= COLUMNS && last().startsWith(PROMPT)) throw new Error(`a line wraps: ${last()}`);
    }
  }
  return { lines, cursor: column };
}
