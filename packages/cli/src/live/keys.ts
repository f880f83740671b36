// SPDX-License-Identifier: Apache-2.0
// Keys of a live view: bytes of a terminal into names of keys. Pure; knows the sequences that views use and drops the
// others.

const SEQUENCES: Readonly<Record<string, string>> = {
  "\u001b[A": "up",
  "\u001b[B": "down",
  "\u001b[C": "right",
  "\u001b[D": "left",
  "\u001bOA": "up",
  "\u001bOB": "down",
  "\u001b[5~": "page-up",
  "\u001b[6~": "page-down",
};

/** "q", "up", "ctrl-c", "escape", "enter" … in the order of their typing. */
export function keysOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString("utf8");
  const keys: string[] = [];
  for (const [part] of text.matchAll(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001bO.|[\s\S]/gu)) {
    const name = SEQUENCES[part];
    if (name) keys.push(name);
    else if (part === "\u0003") keys.push("ctrl-c");
    else if (part === "\u001b") keys.push("escape");
    else if (part === "\r" || part === "\n") keys.push("enter");
    else if (part.length === 1 && part >= " ") keys.push(part);
  }
  return keys;
}
