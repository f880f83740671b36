// SPDX-License-Identifier: Apache-2.0
// The tour of the README, as a person would type it: its commands go to a shell in a terminal, on QEMU, and what comes
// is compared with what the README shows, but for numbers and for the steps that a machine may skip (✓, …). So the
// README cannot grow stale; `run.ts --record` writes it anew from a real run.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { REPO_ROOT } from "@typeone/host";
import type { Pty } from "../../packages/cli/src/testing/pty.ts";
import { type Case, LEAVE, type World } from "./world.ts";

const README = path.join(REPO_ROOT, "README.md");
const BLOCK = /^```console\n([\s\S]*?)^```$/m;
const SHELL_PROMPT = "$ ";
/** What is typed at a guest's prompt, in the README: `debian:~# uname -m`. */
const GUEST_LINE = /^(\S+:~# )(.+)$/;
const LEAVING = "^]";
const COMMAND_MS = 180_000;

export interface Typed {
  /** The prompt that it is typed at, at the beginning of a line. */
  readonly prompt: string;
  readonly text: string;
}

export interface Step {
  readonly command: string;
  /** What is typed into what the command shows. */
  readonly typed: readonly Typed[];
  readonly output: readonly string[];
}

/** Commands and what they show, of a block of the README. */
export function stepsOf(block: string): Step[] {
  const steps: { command: string; typed: Typed[]; output: string[] }[] = [];
  for (const line of block.trimEnd().split("\n")) {
    if (line.startsWith(SHELL_PROMPT)) {
      steps.push({ command: line.slice(SHELL_PROMPT.length), typed: [], output: [] });
      continue;
    }
    const step = steps.at(-1);
    if (!step) throw new Error(`the tour must begin with a command: ${line}`);
    step.output.push(line);
    const match = GUEST_LINE.exec(line);
    if (match) step.typed.push({ prompt: match[1] as string, text: match[2] as string });
  }
  return steps;
}

/** What a terminal shows in the end: steps that redraw their line leave the last state. */
export function renderedLines(raw: string): string[] {
  const shown = stripVTControlCharacters(raw.replaceAll(/[^\n]*\r\u001b\[2K/g, ""));
  const lines = shown.replaceAll(/\r+\n/g, "\n").split("\n");
  return lines.map((line) => line.split("\r").at(-1) as string).map((line) => line.trimEnd());
}

/** Lines without what differs between two runs. */
export function comparable(lines: readonly string[], command: string): string[] {
  const kept = lines.filter((line) => !/^[✓…] /.test(line));
  const plain = kept.map((line) =>
    line
      .replaceAll(/\d+(?:[.,:]\d+)*/g, "N")
      .replaceAll(/\s+/g, " ")
      .trim(),
  );
  // Who works most comes first, and that is anybody's guess.
  return command.includes(" top ") ? plain.sort() : plain;
}

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function playStep(pty: Pty, step: Step): Promise<Step> {
  pty.type(`${step.command}\r`);
  await pty.expect(`${step.command}\r\n`);
  let start = pty.output.length;
  // The echo of the command may have come together with what it shows.
  const echoed = pty.output.lastIndexOf(`${step.command}\r\n`);
  if (echoed >= 0) start = echoed + step.command.length + 2;
  let raw = "";
  for (const { prompt, text } of step.typed) {
    await pty.expect(new RegExp(`(^|\\n)${literal(prompt)}$`), COMMAND_MS);
    if (text !== LEAVING) {
      pty.type(`${text}\r`);
      await pty.expect(text);
      continue;
    }
    raw += pty.output.slice(start) + LEAVING;
    start = pty.output.length;
    pty.type(LEAVE);
  }
  await pty.expect(new RegExp(`(^|\\n)${literal(SHELL_PROMPT)}$`), COMMAND_MS);
  raw += pty.output.slice(start);
  return { ...step, output: renderedLines(raw).slice(0, -1) };
}

function openShell(world: World): Pty {
  const program = ["bash", "--norc", "--noprofile", "--noediting", "-i"];
  return world.box.open(["env", `PS1=${SHELL_PROMPT}`, "HISTFILE=", ...program], { rows: 40, columns: 120 });
}

/** Plays the steps one after the other; hears of each when it is over. */
async function play(world: World, steps: readonly Step[], over: (wanted: Step, seen: Step) => void): Promise<void> {
  const pty = openShell(world);
  await pty.expect(new RegExp(`${literal(SHELL_PROMPT)}$`));
  for (const step of steps) over(step, await playStep(pty, step));
  pty.type("exit\r");
  await pty.exited;
}

async function readTour(): Promise<{ readme: string; block: string; steps: Step[] }> {
  const readme = await readFile(README, "utf8");
  const block = BLOCK.exec(readme)?.[1];
  if (block === undefined) throw new Error("the README has no ```console block");
  return { readme, block, steps: stepsOf(block) };
}

export const tourCase: Case = {
  name: "the README's tour shows what the README says",
  limitSeconds: 400,
  async run(world) {
    await world.box.run("stop --yes");
    const { steps } = await readTour();
    await play(world, steps, (wanted, seen) => {
      const { command } = wanted;
      const [expected, actual] = [comparable(wanted.output, command), comparable(seen.output, command)];
      assert.deepEqual(
        actual,
        expected,
        `$ ${command}\nshows:\n${seen.output.join("\n")}\nthe README says:\n${wanted.output.join("\n")}`,
      );
    });
  },
};

/** Runs the tour and writes what it showed into the README. */
export async function recordTour(world: World): Promise<void> {
  const { readme, block, steps } = await readTour();
  const lines: string[] = [];
  await play(world, steps, (_wanted, { command, output }) => {
    lines.push(`${SHELL_PROMPT}${command}`, ...output);
    console.log([`${SHELL_PROMPT}${command}`, ...output].join("\n"));
  });
  await writeFile(
    README,
    readme.replace(block, () => `${lines.join("\n")}\n`),
  );
}
