// SPDX-License-Identifier: Apache-2.0
// Where a soak stands, on standard error: one line that is rewritten on a terminal, single lines elsewhere.

export type Progress = (text: string) => void;

export function progressOn(stream: NodeJS.WriteStream): Progress {
  let shown = "";
  return (text) => {
    if (!stream.isTTY) stream.write(`${text}\n`);
    else stream.write(`\r${text.padEnd(shown.length)}`);
    shown = text;
  };
}
