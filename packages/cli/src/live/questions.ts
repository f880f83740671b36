// SPDX-License-Identifier: Apache-2.0
// Questions that programs ask their terminal (where is the cursor, what are you) are kept back while a console's past is
// replayed: this terminal would answer them, and the answer would be typed into the guest. A pure state machine.

const QUESTION = /\u001b\[[>=?]?[0-9;]*[cn]|\u001b\[>[0-9;]*q|\u001bZ|\u001b\][0-9]+;\?(?:\u0007|\u001b\\)/g;
/** An end that may become a question with the next bytes. */
const PENDING = /\u001b(?:\[[>=?]?[0-9;]*|\][0-9;]{0,8}\??\u001b?)?$/;

export interface QuestionFilter {
  /** The bytes without questions; a possible beginning of one waits for the next. */
  pass(bytes: Uint8Array): Buffer;
  /** Lets everything through from now on; answers what was waiting. */
  open(): Buffer;
}

export function createQuestionFilter(): QuestionFilter {
  let rest = "";
  let closed = true;
  return {
    pass(bytes) {
      if (!closed) return Buffer.from(bytes);
      // latin1 keeps every byte as it is.
      const text = (rest + Buffer.from(bytes).toString("latin1")).replace(QUESTION, "");
      rest = PENDING.exec(text)?.[0] ?? "";
      return Buffer.from(text.slice(0, text.length - rest.length), "latin1");
    },
    open() {
      closed = false;
      const waiting = Buffer.from(rest, "latin1");
      rest = "";
      return waiting;
    },
  };
}
