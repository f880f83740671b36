// SPDX-License-Identifier: Apache-2.0
// Kinds of settings that several parts of the schema share: sizes, rates, whole numbers, files. Each reads what a person
// writes into the toolstack's unit and says in words what is wrong with it.
import { z } from "zod";
import { type Fault, formatSize, isFault, MIB, parseMac, parseRate, parseSectors, parseSize } from "./units.ts";

export const PAGE = 4096;

type Context = z.RefinementCtx;

/** Reports a fault at the setting that is being read. */
export function refuse(context: Context, fault: Fault): never {
  context.addIssue({ code: "custom", message: fault.wrong, params: { fix: fault.fix } });
  return z.NEVER;
}

export const numberOrText = z.union([z.number(), z.string()]);

/** Bytes in whole pages, from a number of MiB or a text with a unit. */
export function size(least: number, most: number) {
  return numberOrText.transform((given, context): number => {
    const bytes = parseSize(given);
    if (isFault(bytes)) return refuse(context, bytes);
    const range = `${formatSize(least)} to ${formatSize(most)}`;
    if (bytes < least || bytes > most) {
      const unit = typeof given === "number" && given > 0 ? "; a plain number counts MiB" : "";
      return refuse(context, { wrong: `${formatSize(bytes)} is out of range`, fix: `write ${range}${unit}` });
    }
    if (bytes % PAGE !== 0) {
      const up = formatSize(Math.ceil(bytes / MIB) * MIB);
      return refuse(context, { wrong: `${formatSize(bytes)} is not in whole pages of 4 KiB`, fix: `write "${up}"` });
    }
    return bytes;
  });
}

export const whole = (least: number, most: number) => z.number().int().min(least).max(most);

export const file = z.string().min(1);

/** A setting that `read` turns into a value or a fault. */
function readAs<T>(read: (given: string | number) => T | Fault) {
  return numberOrText.transform((given, context): T => {
    const value = read(given);
    return isFault(value) ? refuse(context, value) : value;
  });
}

/** Bytes a second, from a number of them or a text like "10MiB/s" or "100Mbit/s". */
export const rate = readAs(parseRate);

/** Sectors of 512 bytes, from a number of them or a text with a unit of bytes. */
export const sectors = readAs(parseSectors);

/** How many of them: none is too few. */
export const someSectors = readAs((given) => {
  const count = parseSectors(given);
  return count === 0
    ? { wrong: "a part of a disk has at least a sector", fix: "leave it away for all that follow" }
    : count;
});

/** A station's MAC address, in lower case with colons. */
export const mac = z.string().transform((given, context): string => {
  const address = parseMac(given);
  return isFault(address) ? refuse(context, address) : address;
});
