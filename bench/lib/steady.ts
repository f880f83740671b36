// SPDX-License-Identifier: Apache-2.0
// Counts what operations cost a machine that goes on running: the harness stops it through the debugger stub, reads the
// hart's instruction counter, lets it go on and types a line for the load (bench/virtio/load.c), which answers DONE.
// The difference between N and 2 N operations leaves out what typing, answering and waiting cost. Called by virtio.ts.
import { setTimeout as sleep } from "node:timers/promises";
import type { Gdb } from "./gdb.ts";
import type { BenchMachine } from "./machine.ts";

/** One kind of operation, as the load knows it. */
export interface Operation {
  readonly id: string;
  readonly title: string;
  /** The load's letter, and its first number. */
  readonly command: string;
  /** How many the load is asked for; the costs are of that many and of twice as many. */
  readonly count: number;
  /** What the costs are given for: an echo is two packets. */
  readonly unitsEach: number;
}

export interface Cost {
  readonly instructions: number;
  /** Absent where nobody counts them. */
  readonly exits?: number;
}

/** A stack that is up, with the load waiting for lines. */
export interface Stack {
  readonly machine: BenchMachine;
  /** Exits of all guests so far. */
  readonly exits?: () => Promise<number>;
}

const TIMEOUT_MS = 240_000;
/** After DONE: until the load waits for its next line. */
const SETTLE_MS = 500;
const POLL_MS = 50;
const COUNT_DIGITS = 7;

/** Idle time takes real time, so that an idle guest costs next to nothing while the harness looks. */
export const withIdle = (args: readonly string[]): string[] => args.map((arg) => arg.replace("sleep=off", "sleep=on"));

/** Waits until `pattern` is there `times` times; answers the last match. (One pattern for all would be tried for ever.) */
export async function waitTimes(machine: BenchMachine, pattern: RegExp, times: number): Promise<RegExpExecArray> {
  for (const deadline = Date.now() + TIMEOUT_MS; ;) {
    const text = await machine.text();
    const matches = [...text.matchAll(new RegExp(pattern, "g"))];
    if (matches.length >= times) return matches.at(-1) as RegExpExecArray;
    const failed = /FAILED .*|Kernel panic.*/.exec(text)?.[0];
    const over = failed ?? (Date.now() > deadline ? "time is over" : undefined);
    if (over !== undefined)
      throw new Error(`${over}, waiting for ${String(pattern)}\n${text.split("\n").slice(-15).join("\n")}`);
    await sleep(POLL_MS);
  }
}

/** Types `line` and answers the next match of `answer`. */
export async function ask(machine: BenchMachine, line: string, answer: RegExp): Promise<RegExpExecArray> {
  const known = [...(await machine.text()).matchAll(new RegExp(answer, "g"))].length;
  await machine.type(line);
  return waitTimes(machine, answer, known + 1);
}

export class Steady {
  readonly #stack: Stack;
  readonly #gdb: Gdb;

  private constructor(stack: Stack, gdb: Gdb) {
    this.#stack = stack;
    this.#gdb = gdb;
  }

  static async of(stack: Stack): Promise<Steady> {
    const gdb = await stack.machine.debug();
    gdb.resume();
    return new Steady(stack, gdb);
  }

  async #instructions(): Promise<number> {
    await sleep(SETTLE_MS);
    await this.#gdb.stop();
    const value = Number(await this.#gdb.read("minstret"));
    this.#gdb.resume();
    return value;
  }

  async #costOf(operation: Operation, count: number): Promise<Cost> {
    const { machine, exits } = this.#stack;
    const exitsBefore = await exits?.();
    const before = await this.#instructions();
    await ask(machine, `${operation.command} ${String(count).padStart(COUNT_DIGITS, "0")}\n`, /DONE\s/);
    const instructions = (await this.#instructions()) - before;
    const exitsAfter = await exits?.();
    if (exitsBefore === undefined || exitsAfter === undefined) return { instructions };
    return { instructions, exits: exitsAfter - exitsBefore };
  }

  /** What one unit of `operation` costs, after one round that nobody counts. */
  async cost(operation: Operation): Promise<Cost> {
    const { count, unitsEach } = operation;
    await this.#costOf(operation, count);
    const once = await this.#costOf(operation, count);
    const twice = await this.#costOf(operation, 2 * count);
    const each = (of: number, other: number): number => (other - of) / (count * unitsEach);
    const instructions = each(once.instructions, twice.instructions);
    if (once.exits === undefined || twice.exits === undefined) return { instructions };
    return { instructions, exits: each(once.exits, twice.exits) };
  }
}
