// SPDX-License-Identifier: Apache-2.0
// A person at the simulated machine's serial line.
import type { Machine } from "@typeone/sim";
import { PROMPT, screenOf } from "./screen.ts";

/** Types a line at the host's prompt and answers what stands below it. */
export function ask(machine: Machine, line: string): readonly string[] {
  const before = machine.console.length;
  machine.devices.uart.inject(`${line}\r`);
  const answered = (): boolean => {
    const since = machine.console.slice(before);
    return since.includes("\n") && since.endsWith(PROMPT);
  };
  machine.runUntil(answered, { maxSteps: 400_000 });
  return screenOf(machine.console.slice(before)).lines.slice(1, -1);
}

/** The same for a command with -j. */
export function askJson<T = Record<string, unknown>>(machine: Machine, line: string): readonly T[] {
  return ask(machine, `${line} -j`)
    .filter((each) => each.startsWith("{"))
    .map((each) => JSON.parse(each) as T);
}

/** Lets the machine go on for a while. */
export function wait(machine: Machine, steps: number): void {
  machine.run(() => false, { maxSteps: steps });
}
