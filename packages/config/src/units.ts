// SPDX-License-Identifier: Apache-2.0
// What people write for sizes, addresses and sets of harts, and what it means. Every reader answers a value or a Fault
// that says what is wrong and what to write instead; none throws. Called by the schema and by the readers of files.

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

/** Why a text is not what it should be. */
export interface Fault {
  readonly wrong: string;
  readonly fix: string;
}

export const isFault = (value: unknown): value is Fault =>
  typeof value === "object" && value !== null && "wrong" in value;

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KIB: KIB,
  K: KIB,
  MIB: MIB,
  M: MIB,
  GIB: GIB,
  G: GIB,
  TIB: TIB,
  T: TIB,
};

/** Bytes of "256MiB", "1 GiB", "1.5G", or of a plain number, which counts MiB. */
export function parseSize(given: string | number): number | Fault {
  if (typeof given === "number") return wholeBytes(given * MIB, String(given));
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(given);
  const unit = match?.[2]?.toUpperCase() ?? "";
  if (/^[KMGT]B$/.test(unit)) {
    return { wrong: `${given} is not clear: is a ${unit} 1000 or 1024?`, fix: `write ${unit[0]}iB for powers of 1024` };
  }
  const factor = unit === "" ? MIB : UNITS[unit];
  if (!match || factor === undefined) {
    return {
      wrong: `${JSON.stringify(given)} is not a size`,
      fix: 'write a number of MiB, or a text like "256MiB" or "1GiB"',
    };
  }
  return wholeBytes(Number(match[1]) * factor, given.trim());
}

function wholeBytes(bytes: number, given: string): number | Fault {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  return { wrong: `${given} is not a whole number of bytes`, fix: 'write a size like "256MiB"' };
}

/** A size as a person would write it. */
export function formatSize(bytes: number): string {
  for (const [name, unit] of [
    ["TiB", TIB],
    ["GiB", GIB],
    ["MiB", MIB],
    ["KiB", KIB],
  ] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit} ${name}`;
  }
  return bytes >= MIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${bytes} bytes`;
}

/** Bytes of a sector, whatever the disk. */
export const SECTOR = 512;

/** Sectors of 512 bytes: a number of them, or a text with a unit of bytes. */
export function parseSectors(given: string | number): number | Fault {
  const text = String(given).trim();
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  const bytes = typeof given === "number" ? undefined : parseSize(text);
  if (bytes === undefined || isFault(bytes))
    return { wrong: `${JSON.stringify(given)} is no number of sectors`, fix: 'write sectors, or a size like "1GiB"' };
  if (bytes % SECTOR === 0) return bytes / SECTOR;
  return { wrong: `${text} is not in whole sectors of 512 bytes`, fix: "write a multiple of 512 bytes" };
}

const RATE_FIX = 'write bytes a second, or a text like "10MB/s" or "100Mbit/s"';

/** Bytes a second: a number of them, or "10MB/s", "10MiB/s", "100Mbit/s", "100Mb/s"; K, M and G are powers of 1000. */
export function parseRate(given: string | number): number | Fault {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([KMG]?)(i?)(B|b|bit)\/s)?\s*$/.exec(String(given));
  if (!match) return { wrong: `${JSON.stringify(given)} is no rate`, fix: RATE_FIX };
  const power = ["", "K", "M", "G"].indexOf(match[2] ?? "");
  const unit = (match[3] ? 1024 : 1000) ** Math.max(power, 0) / (match[4] === undefined || match[4] === "B" ? 1 : 8);
  const rate = Math.floor(Number(match[1]) * unit);
  if (rate >= 1 && Number.isSafeInteger(rate)) return rate;
  return { wrong: `${JSON.stringify(given)} is less than a byte a second, or too much`, fix: RATE_FIX };
}

/** A station's MAC address as lower-case text with colons. */
export function parseMac(given: string): string | Fault {
  const address = given.trim().toLowerCase().replaceAll("-", ":");
  const example = "52:54:00:12:34:56";
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(address))
    return { wrong: `${JSON.stringify(given)} is no MAC address`, fix: `write it like "${example}"` };
  const first = parseInt(address.slice(0, 2), 16);
  if (first & 1) {
    const single = `${(first & 0xfe).toString(16).padStart(2, "0")}${address.slice(2)}`;
    return { wrong: `${address} is a multicast address, which no single interface can have`, fix: `write "${single}"` };
  }
  if (/^[0:]+$/.test(address)) return { wrong: "the address is all zero", fix: `write it like "${example}"` };
  return address;
}

/** A physical address: a number, or a text in hexadecimal or decimal; `_` may group digits. */
export function parseAddress(given: string | number): number | Fault {
  const text = String(given).trim().replaceAll("_", "");
  const value = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  return { wrong: `${JSON.stringify(given)} is not an address`, fix: 'write it like "0xa0000000"' };
}

export const hexAddress = (address: number): string => `0x${address.toString(16)}`;

/** Harts by index. `all` stands for those of the host, whatever they are. */
export interface HartSet {
  readonly all: boolean;
  readonly named: readonly number[];
  readonly except: readonly number[];
}

/** The most harts that an affinity can name: it is a 64-bit mask. */
export const MASK_BITS = 64;
const HARTS_FIX = 'write harts like [0, 2], "0-3", "0-3,^1" or "all"';

/** "0-3,^1", "all,^0", 2, [0, "2-3"]; the order of parts does not matter but `^` always takes away. */
export function parseHarts(given: string | number | readonly (string | number)[]): HartSet | Fault {
  const parts = (Array.isArray(given) ? given : [given]).flatMap((part: string | number) => String(part).split(","));
  const named = new Set<number>();
  const except = new Set<number>();
  let all = false;
  for (const part of parts.map((text) => text.trim())) {
    if (part === "all") {
      all = true;
      continue;
    }
    const match = /^(\^?)(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return { wrong: `${JSON.stringify(part)} names no harts`, fix: HARTS_FIX };
    const first = Number(match[2]);
    const last = Number(match[3] ?? match[2]);
    if (last < first) return { wrong: `${part} runs backwards`, fix: `write ${match[1]}${last}-${first}` };
    if (last >= MASK_BITS)
      return { wrong: `there is no hart ${last}`, fix: `the highest that can be named is ${MASK_BITS - 1}` };
    for (let hart = first; hart <= last; hart++) (match[1] === "^" ? except : named).add(hart);
  }
  const ascending = (set: Set<number>): number[] => [...set].sort((a, b) => a - b);
  const kept = new Set([...named].filter((hart) => !except.has(hart)));
  if (!all && kept.size === 0) return { wrong: "no hart is left to run on", fix: HARTS_FIX };
  return { all, named: ascending(kept), except: ascending(except) };
}

/** The harts of a set on a host with `count` of them; undefined means all, without exception. */
export function resolveHarts(set: HartSet | undefined, count: number): readonly number[] | undefined {
  if (set === undefined || (set.all && set.except.length === 0)) return undefined;
  if (!set.all) return set.named;
  return Array.from({ length: count }, (_, hart) => hart).filter((hart) => !set.except.includes(hart));
}
