// SPDX-License-Identifier: Apache-2.0
// `typeone console NAME`: a guest's console in this terminal. Everything typed goes to the guest but Ctrl-], which
// leaves. What the guest said before is shown first. Without a terminal, standard input is typed and the answer printed.
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../context.ts";
import { ESCAPE_KEY } from "../demo/keys.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { ConsoleOptions, HostClient } from "../host-client.ts";
import { createQuestionFilter } from "../live/questions.ts";
import { withRawTerminal } from "../live/raw-terminal.ts";
import { remark } from "../output/print.ts";
import { defineVerb } from "../verb.ts";

/** What typing means for a console: which bytes go to it, and whether the person leaves. */
export type KeyMeaning<Leave> = (typed: Buffer) => { readonly send: Buffer; readonly leave?: Leave };

/** Ctrl-] leaves; nothing else is ours. */
export const plainKeys: KeyMeaning<"left"> = (typed) => {
  const at = typed.indexOf(ESCAPE_KEY);
  return at < 0 ? { send: typed } : { send: typed.subarray(0, at), leave: "left" };
};

export interface Ended {
  readonly ended: string | undefined;
}

/** How long a console must be silent after the end of standard input before a script's `console` leaves. */
const SILENCE_MS = 1000;

/** A person at a terminal, until a key or a signal leaves. */
function typePerson<Leave>(context: Context, stream: Duplex, keys: KeyMeaning<Leave>): Promise<Leave | "signal"> {
  const { stdin, signal } = context;
  return new Promise((resolve) => {
    const finish = (end: Leave | "signal"): void => {
      stdin.off("data", onData);
      signal.removeEventListener("abort", onAbort);
      resolve(end);
    };
    const onData = (typed: Buffer): void => {
      const { send, leave } = keys(typed);
      if (send.length > 0 && stream.writable) stream.write(send);
      if (leave !== undefined) finish(leave);
    };
    const onAbort = (): void => finish("signal");
    stdin.on("data", onData);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}

/** Also when it was aborted before. */
function aborted(signal: AbortSignal): Promise<"signal"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("signal");
    else signal.addEventListener("abort", () => resolve("signal"), { once: true });
  });
}

/** A script: what comes on standard input is typed; after its end, until the console is silent. */
async function typeScript(context: Context, stream: Duplex, heard: { at: number }): Promise<"signal" | "stdin-end"> {
  for await (const bytes of context.stdin) {
    if (context.signal.aborted) return "signal";
    if (stream.writable) stream.write(bytes);
    heard.at = context.now();
  }
  heard.at = context.now();
  for (;;) {
    const left = heard.at + SILENCE_MS - context.now();
    if (context.signal.aborted) return "signal";
    if (left <= 0) return "stdin-end";
    await sleep(Math.min(left, 100));
  }
}

function endOf(stream: Duplex): Promise<Ended> {
  return new Promise((resolve) => {
    stream.once("error", (error: Error) => resolve({ ended: error.message }));
    stream.once("end", () => resolve({ ended: undefined }));
    stream.once("close", () => resolve({ ended: undefined }));
  });
}

/** Shows a stream in this terminal until it ends or the person leaves it; the terminal is as before then. */
export async function converse<Leave>(
  context: Context,
  stream: Duplex,
  keys: KeyMeaning<Leave>,
): Promise<Leave | "signal" | "stdin-end" | Ended> {
  const heard = { at: context.now() };
  const questions = createQuestionFilter();
  const ended = endOf(stream);
  stream.on("data", (bytes: Buffer) => {
    heard.at = context.now();
    context.stdout.write(questions.pass(bytes));
  });
  try {
    if (!context.stdin.isTTY || !context.stdout.isTTY)
      return await Promise.race([typeScript(context, stream, heard), ended, aborted(context.signal)]);
    const watched: KeyMeaning<Leave> = (typed) => {
      // From the first key on, the person's terminal may answer for itself.
      context.stdout.write(questions.open());
      return keys(typed);
    };
    return await withRawTerminal(context, { leave: "\u001b[0m\u001b[?25h\r\n" }, () =>
      Promise.race([typePerson(context, stream, watched), ended]),
    );
  } finally {
    // What was typed last still goes out.
    stream.end();
    setTimeout(() => stream.destroy(), 500).unref();
  }
}

export interface Attachment {
  readonly name: string;
  readonly options: ConsoleOptions;
}

/** Goes to a guest's console; answers when the person is back. */
export async function attach(context: Context, client: HostClient, { name, options }: Attachment): Promise<ExitCode> {
  const stream = await client.console(name, options);
  const person = context.stdin.isTTY === true;
  if (person) remark(context, `console of ${name}${options.readonly ? ", read-only" : ""}; Ctrl-] leaves`);
  const keys: typeof plainKeys = options.readonly
    ? (typed) => ({ ...plainKeys(typed), send: Buffer.alloc(0) })
    : plainKeys;
  const end = await converse(context, stream, keys);
  if (typeof end === "object") remark(context, `the console of ${name} has ended${end.ended ? `: ${end.ended}` : ""}`);
  else if (person) remark(context, `left the console of ${name}`);
  return EXIT.ok;
}

export default defineVerb({
  args: {
    name: { type: "positional", required: true, description: "name or number of a guest" },
    "read-only": { type: "boolean", alias: "r", description: "only look; what is typed is not sent" },
    new: { type: "boolean", alias: "n", description: "only what comes from now on (default without a terminal)" },
    all: { type: "boolean", alias: "a", description: "all that is kept of it first, not only the last 64 KiB" },
  },
  output: "none",
  completes: { name: "guest" },
  about:
    "Several people may look at and type into one console. Ctrl-] leaves it; the guest goes on.\n" +
    "Without a terminal, standard input is typed into the guest and what it says is printed until it is silent for a second.",
  examples: [
    ["console web", "in this terminal"],
    ["console web --read-only", "only watch"],
    ["console web < commands.txt", "type a file, print the answers"],
  ],
  async run({ name, "read-only": readonly, new: fromNow, all }, context) {
    const client = await context.connect();
    const from: ConsoleOptions["from"] = fromNow || (!all && !context.stdin.isTTY) ? "now" : all ? "start" : undefined;
    const options: ConsoleOptions = {
      ...(readonly ? { readonly: true } : {}),
      ...(from === undefined ? {} : { from }),
    };
    return attach(context, client, { name, options });
  },
});
