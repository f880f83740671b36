// SPDX-License-Identifier: Apache-2.0
// The command line: `main.ts VERB [options]`. Started by scripts/bootstrap.mjs. Finds the verb, refuses options that it
// does not have, runs it, and turns a failure into a message with a fix and a non-zero exit.
import { type ArgsDef, type CommandDef, renderUsage, runCommand } from "citty";
import { reportFailure } from "./report.ts";
import { VERBS } from "./verbs/index.ts";

/** Options on the command line that the verb does not know; a typing error must not change what happens in silence. */
async function unknownOptions(command: CommandDef<ArgsDef>, args: readonly string[]): Promise<string[]> {
  const defined = await (typeof command.args === "function" ? command.args() : command.args);
  const known = new Set<string>();
  for (const [name, definition] of Object.entries(defined ?? {})) {
    if (definition.type === "positional") continue;
    for (const alias of [name, ...("alias" in definition ? [definition.alias ?? []].flat() : [])]) {
      known.add(alias.length === 1 ? `-${alias}` : `--${alias}`);
      if (definition.type === "boolean") known.add(`--no-${alias}`);
    }
  }
  return args.map((arg) => arg.split("=")[0] as string).filter((arg) => /^--?[A-Za-z]/.test(arg) && !known.has(arg));
}

async function main(args: readonly string[]): Promise<number> {
  const [name = "menu", ...rest] = args[0] === "--help" || args[0] === "-h" ? ["menu"] : args;
  const verb = VERBS[name];
  if (!verb) {
    process.stderr.write(
      `typeone: there is no verb ${JSON.stringify(name)}; there are: ${Object.keys(VERBS).join(", ")}\n`,
    );
    return 2;
  }
  const command = await verb.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(`${await renderUsage(command)}\n`);
    return 0;
  }
  const unknown = await unknownOptions(command, rest);
  if (unknown.length > 0) {
    process.stderr.write(
      `typeone ${name}: unknown option ${unknown.join(", ")}; npm run ${name} -- --help lists them\n`,
    );
    return 2;
  }
  const { result } = await runCommand(command, { rawArgs: rest });
  return typeof result === "number" ? result : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  reportFailure(error);
  process.exitCode = 1;
}
