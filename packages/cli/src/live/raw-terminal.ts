// SPDX-License-Identifier: Apache-2.0
// The person's terminal in raw mode for a while, given back as it was whatever happens: the end of the work, an error, a
// signal, the end of the process. Used by consoles and live views.
import type { Context } from "../context.ts";

export interface RawOptions {
  /** Written on the way in and on the way out, e.g. for the alternate screen. */
  readonly enter?: string;
  readonly leave?: string;
}

/** Does `work` with the terminal raw; the terminal is restored before this returns or throws. */
export async function withRawTerminal<T>(context: Context, options: RawOptions, work: () => Promise<T>): Promise<T> {
  const { stdin, stdout } = context;
  let restored = false;
  const restore = (): void => {
    if (restored) return;
    restored = true;
    stdin.setRawMode?.(false);
    stdout.write(options.leave ?? "");
  };
  // The end of the process that nobody awaited: process.exit and uncaught errors.
  process.once("exit", restore);
  try {
    stdin.setRawMode?.(true);
    stdout.write(options.enter ?? "");
    stdin.resume();
    return await work();
  } finally {
    process.off("exit", restore);
    restore();
    stdin.pause();
    stdin.unref?.();
  }
}
