// SPDX-License-Identifier: Apache-2.0
// `typeone logs` and `typeone dmesg`: what a guest's console, and the hypervisor itself, said so far and go on to say.
import { wholeNumber } from "../args.ts";
import type { Context } from "../context.ts";
import { createQuestionFilter } from "../live/questions.ts";
import { printJsonLine } from "../output/print.ts";
import { defineVerb } from "../verb.ts";

const FOLLOW = { type: "boolean", alias: "f", description: "go on with what comes, until Ctrl-C" } as const;
const TAIL = { type: "string", alias: "n", valueHint: "LINES", description: "only the last lines" } as const;

/** The last `lines` lines of a text that may end in the middle of one. */
export function lastLinesOf(text: Buffer, lines: number): Buffer {
  if (lines === 0) return text.subarray(text.length);
  let at = text.length;
  if (text[at - 1] === 0x0a) at--;
  for (let left = lines; left > 0 && at >= 0; left--) at = at === 0 ? -1 : text.lastIndexOf(0x0a, at - 1);
  return text.subarray(at + 1);
}

interface Printing {
  readonly follow: boolean;
  readonly tail: number | undefined;
}

/** Without JSON the bytes as they are; with it one `{"text": …}` a line. */
function printer(context: Context): { write(bytes: Uint8Array): void; end(): void } {
  if (context.format !== "json") {
    // A terminal would answer what programs asked theirs; a file keeps every byte.
    const questions = createQuestionFilter();
    if (!context.stdout.isTTY) questions.open();
    return {
      write: (bytes) => void context.stdout.write(questions.pass(bytes)),
      end: () => void context.stdout.write(questions.open()),
    };
  }
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  return {
    write(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const text of lines) printJsonLine(context, { text });
    },
    end: () => rest !== "" && printJsonLine(context, { text: rest }),
  };
}

type Source = (follow: boolean) => AsyncIterable<Uint8Array>;

async function printLog(context: Context, source: Source, { follow, tail }: Printing): Promise<void> {
  const out = printer(context);
  if (tail === undefined) {
    for await (const bytes of source(follow)) out.write(bytes);
    return out.end();
  }
  const past: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of source(false)) {
    past.push(bytes);
    length += bytes.length;
  }
  out.write(lastLinesOf(Buffer.concat(past), tail));
  if (follow) {
    // The log from its beginning once more; what is printed already is skipped.
    let skip = length;
    for await (const bytes of source(true)) {
      if (bytes.length > skip) out.write(bytes.subarray(skip));
      skip = Math.max(0, skip - bytes.length);
    }
  }
  out.end();
}

const tailOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : wholeNumber("--tail", text, [0, 1_000_000]);

export const logs = defineVerb({
  args: {
    name: { type: "positional", required: true, description: "name or number of a guest" },
    follow: FOLLOW,
    tail: TAIL,
  },
  completes: { name: "guest" },
  examples: [
    ["logs web", "all that is kept of its console"],
    ["logs -f -n 20 web", "the last 20 lines, and what comes"],
  ],
  async run({ name, follow, tail }, context) {
    const lines = tailOf(tail);
    const client = await context.connect();
    const source: Source = (on) => client.consoleLog(name, { follow: on, signal: context.signal });
    await printLog(context, source, { follow: follow === true, tail: lines });
  },
});

export const dmesg = defineVerb({
  args: { follow: FOLLOW, tail: TAIL },
  examples: [
    ["dmesg", "the hypervisor's log since it booted"],
    ["dmesg -f", "and what comes"],
  ],
  async run({ follow, tail }, context) {
    const lines = tailOf(tail);
    const client = await context.connect();
    const source: Source = (on) => client.log({ follow: on, signal: context.signal });
    await printLog(context, source, { follow: follow === true, tail: lines });
  },
});
