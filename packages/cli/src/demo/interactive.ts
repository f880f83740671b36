// SPDX-License-Identifier: Apache-2.0
// The demo for a person: the terminal in raw mode, every key to the machine, every byte of the machine to the terminal.
// Only Ctrl-] q is ours. The terminal is given back as it was, whatever happens.
import { type MachineExit, StepError, lastLines, launch } from "@typeone/host";
import pc from "picocolors";
import { createKeyFilter, createOutputFilter } from "./keys.ts";
import type { PreparedDemo } from "./prepare.ts";

/** The line that tells which keys do what. */
export function keyHelp(guests: readonly string[]): string {
  const key = (name: string) => pc.bold(`Ctrl-] ${name}`);
  const numbered = guests.map((name, i) => `${key(String(i + 1))} ${name}`);
  return [`${key("0")} host`, ...numbered, `${key("Ctrl-]")} next`, `${key("q")} quit`].join(" · ");
}

/** How to log in, and how to come in from outside; empty for guests in memory, whose shells are there by themselves. */
function reachText({ reach }: PreparedDemo): string {
  if (!reach) return "";
  const ssh = `ssh -p ${reach.port} -i ${reach.keyFile} root@127.0.0.1`;
  return `log in as ${pc.bold("root")}, there is no password; from another terminal, once ${reach.guest} is up:\n${pc.bold(ssh)}\n`;
}

/** Runs until the person quits or the machine ends; answers how the machine ended, or undefined when it was quit. */
export async function runInteractive(demo: PreparedDemo): Promise<MachineExit | undefined> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) {
    throw new StepError({
      step: "open the consoles",
      why: "this is not a terminal",
      fix: "run it in a terminal, or without a person: npm run demo -- --check",
    });
  }
  const help = keyHelp(demo.guests.map((guest) => guest.name));
  stdout.write(`\n${help}\n${reachText(demo)}\n`);
  const machine = await launch(demo.image.args);
  const filterKeys = createKeyFilter();
  const filterOutput = createOutputFilter();
  machine.console.onData((bytes) => void stdout.write(filterOutput(bytes)));
  const quit = new Promise<undefined>((resolve) => {
    stdin.on("data", (typed: Buffer) => {
      const { send, quit: wanted } = filterKeys(typed);
      if (send.length > 0) machine.console.send(send);
      if (wanted) resolve(undefined);
    });
  });
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await Promise.race([quit, machine.exited]);
  } finally {
    await machine.kill();
    stdin.setRawMode(false);
    stdin.pause();
    stdin.unref();
    stdout.write("\u001b[0m\n");
  }
}

/** What to say about a machine that ended by itself; undefined when it ended well. */
export function describeExit(exit: MachineExit): string | undefined {
  if (exit.code === 0) return undefined;
  const how = exit.code === null ? `was ended by ${exit.signal ?? "an error"}` : `ended with code ${exit.code}`;
  return `QEMU ${how}\n${lastLines(exit.stderr, 4)}`.trimEnd();
}
