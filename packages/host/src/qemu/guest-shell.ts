// SPDX-License-Identifier: Apache-2.0
// A Debian guest's console as a way to run commands: logs in, runs one at a time, answers its output and status. Works on
// any Console (a bare QEMU's serial line, or one guest's part of the host's). Called by tests and soaks that boot from a
// disk.
import type { Console } from "./console.ts";

export interface CommandResult {
  readonly status: number;
  /** What it printed, without carriage returns. */
  readonly output: string;
}

export interface LogIn {
  /** The guest's host name, which its prompts carry. */
  readonly name: string;
  readonly timeoutMs: number;
}

/** What the shell prints around a command's output; typed in two halves so that an echo never looks like it. */
const markOf = (number: number): string => `TYPEONE-END-${number}`;

export class GuestShell {
  readonly #console: Console;
  #commands = 0;

  private constructor(console: Console) {
    this.#console = console;
  }

  /** Waits for the login prompt, logs in as root and makes the terminal quiet. */
  static async logIn(console: Console, { name, timeoutMs }: LogIn): Promise<GuestShell> {
    await console.waitFor(new RegExp(`\\b${name} login: `), { timeoutMs });
    console.type("root\n");
    await console.waitFor(new RegExp(`root@${name}:[^\\n]*# `), { timeoutMs });
    const shell = new GuestShell(console);
    // No echo, no colours, no prompt, no lines folded at 80 columns.
    await shell.run(
      "stty -echo cols 10000; bind 'set enable-bracketed-paste off' 2> /dev/null; export TERM=dumb PS1= PS2=",
      {
        timeoutMs,
      },
    );
    return shell;
  }

  /** Runs one line of shell. Rejects with a ConsoleError when it does not end in time. */
  async run(command: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<CommandResult> {
    const number = ++this.#commands;
    const mark = markOf(number);
    this.#console.skip();
    const start = this.#console.text.length + this.#console.dropped;
    this.#console.type(`${command}\nprintf '\\n%s-%s:%s\\n' TYPEONE-END ${number} "$?"\n`);
    const [, status] = await this.#console.waitFor(new RegExp(`${mark}:(\\d+)\\r?\\n`), { timeoutMs });
    const text = this.#console.text.slice(Math.max(0, start - this.#console.dropped));
    return { status: Number(status), output: outputOf(text, mark) };
  }
}

/** A command's output in what the console said until behind its mark. */
export function outputOf(text: string, mark: string): string {
  const plain = text.replaceAll("\r", "");
  const end = plain.lastIndexOf(`\n${mark}:`);
  return plain.slice(0, Math.max(0, end));
}
