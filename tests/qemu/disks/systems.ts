// SPDX-License-Identifier: Apache-2.0
// Debian systems that boot from disks beside each other, and the one serial line by which their shells and the host's
// terminal are worked: the focus moves to whoever is spoken to.
import { setTimeout as sleep } from "node:timers/promises";
import { GuestShell } from "@typeone/host";
import { expect } from "../channel/host.ts";
import type { Running } from "../scenario.ts";
import { HOST } from "../transcript.ts";

const LOGIN_MS = 120_000;
const COMMAND_MS = 120_000;
const TERMINAL_MS = 10_000;

/** What the terminal's lists of disks and networks have. */
export interface Row {
  readonly guest?: string;
  readonly serial?: string;
  readonly switch?: string;
  readonly mode?: string;
  readonly state?: string;
  readonly disk?: number;
  readonly writtenKiB?: number;
  readonly errors?: number;
  readonly sent?: number;
  readonly received?: number;
  readonly dropped?: number;
}

export class Systems {
  readonly #running: Running;
  readonly #names: readonly string[];
  readonly #shells = new Map<string, GuestShell>();
  #focus = HOST;

  /** `names` in the order of the guests' numbers. */
  constructor(running: Running, names: readonly string[]) {
    this.#running = running;
    this.#names = names;
  }

  /** Moves the focus; a guest's last lines come again then. */
  async #turnTo(name: string): Promise<void> {
    if (this.#focus === name) return;
    const { console } = this.#running.machine;
    this.#focus = name;
    console.skip();
    console.type(`\u001d${this.#names.indexOf(name) + 1}`);
    const who = name === HOST ? "the host" : name;
    await console.waitFor(new RegExp(`console is now ${who} `), { timeoutMs: TERMINAL_MS });
    // Behind this, nothing old comes any more.
    await this.#shells.get(name)?.run(":", { timeoutMs: COMMAND_MS });
  }

  /** Waits for the login prompt of the boot that began at `from` of the transcript, and logs in. */
  async logIn(name: string, from = 0): Promise<void> {
    const { machine, transcript, signal } = this.#running;
    const prompt = new RegExp(`Debian GNU/Linux \\S+ ${name} ttyS0`);
    await transcript.until(() => prompt.test(transcript.raw.slice(from)), signal);
    this.#shells.delete(name);
    await this.#turnTo(name);
    this.#shells.set(name, await GuestShell.logIn(machine.console, { name, timeoutMs: LOGIN_MS }));
  }

  /** A command's status and what it printed, without blanks around. */
  async tried(name: string, command: string): Promise<{ readonly status: number; readonly output: string }> {
    await this.#turnTo(name);
    const shell = this.#shells.get(name);
    if (!shell) throw new Error(`nobody is logged in to ${name}`);
    const { status, output } = await shell.run(command, { timeoutMs: COMMAND_MS });
    return { status, output: output.trim() };
  }

  /** What a command printed that must succeed. */
  async run(name: string, command: string): Promise<string> {
    const { status, output } = await this.tried(name, command);
    expect(status === 0, `${name}: ${command}`, { status, output });
    return output;
  }

  /** Types a command at the host's terminal and waits for its answer. */
  async host(command: string, answer: RegExp): Promise<string> {
    const { console } = this.#running.machine;
    await this.#turnTo(HOST);
    console.skip();
    console.type(`${command}\r`);
    return (await console.waitFor(answer, { timeoutMs: TERMINAL_MS }))[0];
  }

  /** The rows of a list of the host's terminal. */
  async list(command: string): Promise<readonly Row[]> {
    const text = await this.host(`${command} -j`, /-j\s*\n(?:\{[^\n]*\}\s*\n)*[^\n{]*typeone> /);
    return [...text.matchAll(/^\{.*\}/gm)].map(([line]) => JSON.parse(line) as Row);
  }

  /** Resets a guest; answers where in the transcript that was. */
  async reset(name: string): Promise<void> {
    await this.#turnTo(HOST);
    const from = this.#running.transcript.raw.length;
    this.#running.machine.console.type(`guest reset ${name}\r`);
    await this.logIn(name, from);
  }

  /** Looks until it holds, for a few seconds. */
  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      if (await look()) return;
      await sleep(200, undefined, { signal: this.#running.signal });
    }
    throw new Error(`${what}: not within 10 s`);
  }
}

/** A row of a list by what is in it. */
export function find(rows: readonly Row[], wanted: Row): Row {
  const found = rows.find((row) => Object.entries(wanted).every(([key, value]) => row[key as keyof Row] === value));
  if (!found) throw new Error(`${JSON.stringify(wanted)} is not in ${JSON.stringify(rows)}`);
  return found;
}
