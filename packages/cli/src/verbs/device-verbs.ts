// SPDX-License-Identifier: Apache-2.0
// What the verbs about disks and networks share: which device is meant, detaching one, limits, states in colour.
import { seconds, wholeNumber } from "../args.ts";
import { notFound, usageError } from "../errors.ts";
import type { DeviceState, GuestInfo, HostClient } from "../host-client.ts";
import { bytes } from "../output/format.ts";
import { printJson, remark } from "../output/print.ts";
import type { Style } from "../output/style.ts";
import { defineVerb, type LoadedVerb } from "../verb.ts";

export function stateCell({ state }: { readonly state: DeviceState }, style: Style): string {
  if (state === "failed" || state === "broken") return style.red(state);
  return state === "leaving" ? style.yellow(state) : state;
}

export const rateCell = (rate: number | undefined): string => (rate === undefined ? "any rate" : `${bytes(rate)}/s`);

interface Choice {
  readonly word: string;
  readonly kind: "disk" | "net";
  readonly devices: readonly { readonly index: number; readonly also: readonly (string | undefined)[] }[];
}

/** The device of a guest that a word means: its number, "disk1", or another name of it. */
export function indexOf(guest: GuestInfo, { word, kind, devices }: Choice): { guest: string; index: number } {
  const number = new RegExp(`^(?:${kind})?(\\d{1,4})$`).exec(word)?.[1];
  const named = devices.filter(({ also }) => also.includes(word));
  const found = devices.find(({ index }) => number !== undefined && index === Number(number));
  const meant = found ?? named[0];
  const all = devices.map(({ index }) => `${kind}${index}`).join(", ");
  if (!found && named.length > 1)
    throw usageError(
      `${word} is the name of several`,
      `say which: ${named.map(({ index }) => `${kind}${index}`).join(", ")}`,
    );
  if (meant) return { guest: guest.name, index: meant.index };
  throw notFound(`guest ${guest.name} has no ${kind} ${word}`, all === "" ? "it has none" : `it has ${all}`);
}

/** A limit in bytes or requests a second, or bytes; "none" is 0. */
export async function limitOf(option: "--rate" | "--iops" | "--overlay", text: string): Promise<number> {
  const { isFault, parseRate, parseSize } = await import("@typeone/config");
  if (option === "--overlay") {
    const size = parseSize(text);
    if (!isFault(size) && size >= 4096 && size % 4096 === 0) return size;
    throw usageError(
      `--overlay must be a size, not ${JSON.stringify(text)}`,
      isFault(size) ? size.fix : "write it like 512MiB",
    );
  }
  if (text === "none" || text === "0") return 0;
  if (option === "--iops") return wholeNumber(option, text, [1, 1_000_000_000]);
  const rate = parseRate(text);
  if (isFault(rate)) throw usageError(`--rate: ${rate.wrong}`, `${rate.fix}, or none`);
  return rate;
}

interface DetachShape {
  readonly kind: "disks" | "nets";
  readonly word: "disk" | "net";
  readonly device: { readonly type: "positional"; readonly required: true; readonly description: string };
  readonly find: (client: HostClient, name: string, word: string) => Promise<{ guest: string; index: number }>;
  readonly examples: LoadedVerb["examples"];
}

export const detachVerb = ({ kind, word, device, find, examples }: DetachShape): LoadedVerb =>
  defineVerb({
    args: {
      name: { type: "positional", required: true, valueHint: "NAME", description: "name or number of a guest" },
      device: { ...device, valueHint: word.toUpperCase() },
      force: { type: "boolean", alias: "f", description: "take it without asking the guest" },
      wait: { type: "boolean", default: true, description: "until it is gone", negativeDescription: "only ask for it" },
      timeout: {
        type: "string",
        alias: "t",
        valueHint: "SECONDS",
        description: "how long to wait at most (default: 10)",
      },
    },
    completes: { name: "guest" },
    examples,
    async run({ name, device: text, force, wait, timeout }, context) {
      const timeoutMs =
        timeout === undefined ? undefined : Math.max(1, Math.round(seconds("--timeout", timeout) * 1000));
      const client = await context.connect();
      const { guest, index } = await find(client, name, text);
      const options = {
        force: force === true,
        wait: wait !== false,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      };
      await client.detach({ guest, kind, index }, options);
      if (context.format === "json") printJson(context, { guest, [word]: index, detached: options.wait });
      else remark(context, `${guest}: ${word}${index} ${options.wait ? "detached" : "asked for"}`);
    },
  });
