// SPDX-License-Identifier: Apache-2.0
// The two byte filters between a person's terminal and the serial line, as pure state machines. Keys: everything goes to
// the machine but Ctrl-] q, which quits; the other Ctrl-] keys are the hypervisor's own. Output: the shells' question for
// the cursor position is dropped, because the terminal's answer would go to whichever guest has the focus.

/** Ctrl-] as a byte. */
export const ESCAPE_KEY = 0x1d;
const QUIT_KEYS = new Set(["q".charCodeAt(0), "Q".charCodeAt(0)]);

export type KeyResult = { readonly send: Buffer; readonly quit: boolean };

/** Splits what was typed into what the machine gets and the wish to quit. A pending Ctrl-] waits for its next key. */
export function createKeyFilter(): (typed: Buffer) => KeyResult {
  let pending = false;
  return (typed) => {
    const out: number[] = [];
    for (const byte of typed) {
      if (!pending && byte === ESCAPE_KEY) {
        pending = true;
        continue;
      }
      if (pending && QUIT_KEYS.has(byte)) return { send: Buffer.from(out), quit: true };
      if (pending) out.push(ESCAPE_KEY);
      pending = false;
      out.push(byte);
    }
    return { send: Buffer.from(out), quit: false };
  };
}

const CURSOR_QUESTION = Buffer.from("\u001b[6n");

/** Drops `ESC [ 6 n` from output, also when it comes in pieces. */
export function createOutputFilter(): (output: Buffer) => Buffer {
  let matched = 0;
  return (output) => {
    const out: number[] = [];
    for (const byte of output) {
      if (byte === CURSOR_QUESTION[matched]) {
        matched++;
        if (matched === CURSOR_QUESTION.length) matched = 0;
        continue;
      }
      // No proper prefix of the question is also its suffix, so what was held back goes out whole.
      for (let i = 0; i < matched; i++) out.push(CURSOR_QUESTION[i] as number);
      matched = byte === CURSOR_QUESTION[0] ? 1 : 0;
      if (matched === 0) out.push(byte);
    }
    return Buffer.from(out);
  };
}
