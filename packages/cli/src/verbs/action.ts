// SPDX-License-Identifier: Apache-2.0
// The verbs that change a guest's state, all of one shape: `typeone pause NAME…`. Each names what it asks for and what is
// said when it is done; destroy asks the person first.
import type { ParsedArgs } from "citty";
import { seconds } from "../args.ts";
import type { Context } from "../context.ts";
import { CliError, asCliError, usageError } from "../errors.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { GuestAction, GuestInfo, HostClient } from "../host-client.ts";
import { printJson, remark } from "../output/print.ts";
import { report } from "../dispatch.ts";
import { type LoadedVerb, defineVerb } from "../verb.ts";
import { attach } from "./console.ts";

interface ActionShape {
  readonly action: GuestAction;
  /** "paused": for the remark. */
  readonly done: string;
  readonly about?: string;
}

const NAMES = {
  type: "positional",
  required: true,
  valueHint: "NAME",
  description: "name or number of a guest",
} as const;
const ALL = { type: "boolean", alias: "a", description: "all guests" } as const;
const WAIT = {
  type: "boolean",
  default: true,
  description: "until it is done",
  negativeDescription: "only ask for it",
} as const;
const TIMEOUT = { type: "string", alias: "t", valueHint: "SECONDS", description: "how long to wait at most" } as const;
const COMMON = { name: { ...NAMES, required: false }, all: ALL, wait: WAIT, timeout: TIMEOUT } as const;

/** A client, and the names that were given or of all guests. */
async function targets(
  args: ParsedArgs<typeof COMMON>,
  context: Context,
): Promise<{ client: HostClient; names: string[] }> {
  if (args._.length > 0 && args.all) throw usageError("--all and names exclude each other");
  if (args._.length === 0 && !args.all) throw usageError("say which guest, or --all", "typeone ls shows them");
  const client = await context.connect();
  return { client, names: args.all ? (await client.guests()).map(({ name }) => name) : [...args._] };
}

interface Outcome {
  readonly name: string;
  readonly guest?: GuestInfo | undefined;
  readonly error?: CliError;
}

async function actOn(
  name: string,
  shape: ActionShape,
  how: { client: HostClient; options: ActOptions },
): Promise<Outcome> {
  try {
    return { name, guest: await how.client.guestAction(name, shape.action, how.options) };
  } catch (error) {
    const known = asCliError(error);
    if (!known) throw error;
    // The hypervisor's own words do not say which guest.
    const message = known.message.includes(name) ? known.message : `guest ${name}: ${known.message}`;
    return { name, error: new CliError(known.exit, message, known.fix) };
  }
}

interface ActOptions {
  readonly wait: boolean;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

function actOptions(args: ParsedArgs<typeof COMMON>, context: Context): ActOptions {
  const timeoutMs = args.timeout === undefined ? undefined : seconds("--timeout", args.timeout) * 1000;
  return {
    wait: args.wait !== false,
    signal: context.signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, Math.round(timeoutMs)) }),
  };
}

/** Does it to each guest; one that fails does not keep the others from it. The worst exit code is the answer. */
export async function actOnAll(
  names: readonly string[],
  shape: ActionShape,
  how: { client: HostClient; options: ActOptions; context: Context },
): Promise<ExitCode> {
  const { context } = how;
  const outcomes: Outcome[] = [];
  for (const name of names) {
    if (context.signal.aborted) return EXIT.interrupted;
    const outcome = await actOn(name, shape, how);
    outcomes.push(outcome);
    if (outcome.error) report(outcome.error, context);
    else
      remark(context, `${outcome.guest?.name ?? name}: ${how.options.wait ? shape.done : `asked to ${shape.action}`}`);
  }
  if (context.format === "json") {
    printJson(
      context,
      outcomes.map(({ name, guest, error }) => ({
        guest: guest?.name ?? name,
        ...(error ? { error: error.message, exit: error.exit } : { state: guest?.state ?? "gone" }),
      })),
    );
  }
  return outcomes.find(({ error }) => error)?.error?.exit ?? EXIT.ok;
}

function actionVerb(shape: ActionShape): LoadedVerb {
  const { action } = shape;
  return defineVerb({
    ...(shape.about ? { about: shape.about } : {}),
    args: COMMON,
    rest: "yes",
    completes: { name: "guest" },
    examples: [
      [`${action === "resume" ? "resume" : action} web`, `${shape.done} when it returns`],
      [`${action} web db --timeout 30`, "two guests, each within 30 seconds"],
    ],
    async run(args, context) {
      const { client, names } = await targets(args, context);
      return actOnAll(names, shape, { client, options: actOptions(args, context), context });
    },
  });
}

export const pause = actionVerb({ action: "pause", done: "paused" });
export const resume = actionVerb({ action: "resume", done: "running" });
export const reset = actionVerb({
  action: "reset",
  done: "reset",
  about: "At once, as with a reset button: memory is cleared and the guest boots again. Works on crashed guests too.",
});
export const reboot = actionVerb({ action: "reboot", done: "rebooted" });
export const poweroff = actionVerb({
  action: "poweroff",
  done: "off",
  about: "At once, as with the plug pulled. The guest stays and can be started again.",
});

export const shutdown = defineVerb({
  about: "Waits until the guest is off. A guest that does not listen can be turned off with --force.",
  args: {
    ...COMMON,
    force: { type: "boolean", alias: "F", description: "pull the plug (same as typeone poweroff)" },
  },
  rest: "yes",
  completes: { name: "guest" },
  examples: [
    ["shutdown web", "off when it returns"],
    ["shutdown --all --timeout 60", "all guests"],
  ],
  async run(args, context) {
    const { client, names } = await targets(args, context);
    const action = args.force ? "poweroff" : "shutdown";
    return actOnAll(names, { action, done: "off" }, { client, options: actOptions(args, context), context });
  },
});

export const start = defineVerb({
  args: {
    ...COMMON,
    console: { type: "boolean", alias: "c", description: "go to its console (one guest only)" },
  },
  rest: "yes",
  completes: { name: "guest" },
  examples: [
    ["start web", "a guest that was created or is off"],
    ["start -c web", "and watch it boot"],
  ],
  async run(args, context) {
    const { client, names } = await targets(args, context);
    if (args.console && names.length !== 1) throw usageError("--console goes with one guest");
    const exit = await actOnAll(
      names,
      { action: "start", done: "started" },
      { client, options: actOptions(args, context), context },
    );
    if (exit !== EXIT.ok || !args.console) return exit;
    return attach(context, client, { name: names[0] as string, options: {} });
  },
});

export const destroy = defineVerb({
  about: "The guest is gone: its memory is cleared and given back, its console and counters forgotten.",
  args: {
    ...COMMON,
    yes: { type: "boolean", alias: ["y", "f", "force"], description: "do not ask" },
  },
  rest: "yes",
  completes: { name: "guest" },
  examples: [
    ["destroy web", "asks first, on a terminal"],
    ["destroy --all --yes", "every guest, without a question"],
  ],
  async run(args, context) {
    const { client, names } = await targets(args, context);
    const asked = !args.yes && context.stdin.isTTY && context.stderr.isTTY && names.length > 0;
    if (asked && !(await context.ask(`Destroy ${names.join(", ")}?`))) {
      remark(context, "nothing was done");
      return EXIT.failed;
    }
    return actOnAll(
      names,
      { action: "destroy", done: "destroyed" },
      { client, options: actOptions(args, context), context },
    );
  },
});
