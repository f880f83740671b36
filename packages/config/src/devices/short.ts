// SPDX-License-Identifier: Apache-2.0
// The short text forms of devices: "debian,overlay=512M,ro", "lan,vlan=10,rate=10MB/s", "127.0.0.1:2222 -> 10.0.2.15:22".
// Each answers what the long form would say, unchecked, or a Fault. Called by the schema and by the CLI's attach verbs.
import { suggest } from "../suggest.ts";
import type { Fault } from "../units.ts";

type Settings = Record<string, unknown>;

interface Words {
  /** Keys with values, and what they are in the long form. */
  readonly keys: Readonly<Record<string, string>>;
  /** Words that stand alone, and what they mean. */
  readonly flags: Readonly<Record<string, readonly [key: string, value: unknown]>>;
  readonly numbers: readonly string[];
}

const DISK: Words = {
  keys: Object.fromEntries(
    ["file", "size", "slice", "overlay", "serial", "queues", "rate", "iops", "bus"].map((key) => [key, key]),
  ),
  flags: { ro: ["readOnly", true], rw: ["readOnly", false] },
  numbers: ["queues", "iops"],
};

const NETWORK: Words = {
  keys: Object.fromEntries(["mac", "vlan", "rate", "mtu", "queues", "bus"].map((key) => [key, key])),
  flags: { isolated: ["isolated", true] },
  numbers: ["vlan", "mtu", "queues"],
};

function readWords(parts: readonly string[], words: Words): Settings | Fault {
  const settings: Settings = {};
  for (const part of parts) {
    const [, key = "", value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(part) ?? [];
    const flag = value === undefined && Object.hasOwn(words.flags, key) ? words.flags[key] : undefined;
    if (flag) {
      settings[flag[0]] = flag[1];
      continue;
    }
    const known = [...Object.keys(words.keys), ...Object.keys(words.flags)];
    const name = Object.hasOwn(words.keys, key) ? words.keys[key] : undefined;
    if (name === undefined || value === undefined || value === "") {
      const wrong = name === undefined ? `there is no "${key}" here` : `${key} has no value`;
      const meant = name === undefined ? suggest(key, known) : undefined;
      const fix = meant === undefined ? undefined : `did you mean "${meant}"?`;
      return { wrong, fix: fix ?? (name === undefined ? `the words are ${known.join(", ")}` : `write ${key}=…`) };
    }
    settings[name] = words.numbers.includes(key) && /^\d+$/.test(value) ? Number(value) : value;
  }
  return settings;
}

const isFault = (value: Settings | Fault): value is Fault => "wrong" in value;

/** "NAME", "file=x.img" or "size=64M", and words behind it. */
export function readDisk(given: string): Settings | Fault {
  const [first = "", ...rest] = given.split(",");
  const named = first.includes("=") ? [] : [first.trim()];
  const settings = readWords(named.length === 0 ? [first, ...rest] : rest, DISK);
  if (isFault(settings)) return settings;
  const { file, size, slice, ...others } = settings;
  const sources = [...named, ...(file === undefined ? [] : [{ file }]), ...(size === undefined ? [] : [{ size }])];
  if (sources.length !== 1) {
    const wrong = sources.length === 0 ? "does not say what the disk is of" : "has more than one source";
    return { wrong, fix: 'begin with a disk\'s name, with "file=…" or with "size=…", one of them' };
  }
  const from = sources[0];
  if (typeof from === "string" && /[/\\]|\.(img|raw|iso|qcow2)$/.test(from)) {
    const fix = `write "file=${from}" for a RAM disk with its content, or name it under the system's disks`;
    return { wrong: `${JSON.stringify(from)} is a file's name`, fix };
  }
  if (slice === undefined) return { from, ...others };
  const [, at, count] = /^([^+]*)\+(.*)$/.exec(String(slice)) ?? [undefined, String(slice)];
  return { from, ...others, slice: { first: at, ...(count ? { sectors: count } : {}) } };
}

/** "NAME", and words behind it. */
export function readNetwork(given: string): Settings | Fault {
  const [first = "", ...rest] = given.split(",");
  if (first.includes("=") || first.trim() === "")
    return { wrong: "does not say which network", fix: 'begin with its name, as in "lan,vlan=10"' };
  const settings = readWords(rest, NETWORK);
  return isFault(settings) ? settings : { network: first.trim(), ...settings };
}

/** A port of this machine that leads into a network. */
export interface Forward {
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestAddress: string;
  readonly guestPort: number;
}

/** First address that QEMU's user network gives out, and the network it lies in. */
const FIRST_ADDRESS = "10.0.2.15";
const USER_NETWORK = /^10\.0\.2\.\d{1,3}$/;
const FORWARD = /^\s*(?:(tcp|udp)[\s:]+)?(?:(\d+\.\d+\.\d+\.\d+):)?(\d+)\s*->\s*(?:(\d+\.\d+\.\d+\.\d+):)?(\d+)\s*$/;

/** "127.0.0.1:2222 -> 10.0.2.15:22"; "2222 -> 22" means the same. */
export function readForward(given: string): Forward | Fault {
  const match = FORWARD.exec(given);
  const fix = 'write it like "127.0.0.1:2222 -> 10.0.2.15:22"';
  if (!match) return { wrong: `${JSON.stringify(given)} is no forwarded port`, fix };
  const [hostAddress = "127.0.0.1", guestAddress = FIRST_ADDRESS] = [match[2], match[4]];
  const [hostPort, guestPort] = [Number(match[3]), Number(match[5])];
  const port = [hostPort, guestPort].find((number) => number < 1 || number > 65535);
  if (port !== undefined) return { wrong: `there is no port ${port}`, fix: "write a port of 1 to 65535" };
  const address = [hostAddress, guestAddress].find((text) => text.split(".").some((byte) => Number(byte) > 255));
  if (address !== undefined) return { wrong: `${address} is no address`, fix };
  if (!USER_NETWORK.test(guestAddress)) {
    const why = `${guestAddress} is not in the user network, 10.0.2.0/24`;
    return { wrong: why, fix: `write an address like ${FIRST_ADDRESS}` };
  }
  return { protocol: match[1] === "udp" ? "udp" : "tcp", hostAddress, hostPort, guestAddress, guestPort };
}

/** The text that readForward reads. */
export function forwardText({ protocol, hostAddress, hostPort, guestAddress, guestPort }: Forward): string {
  return `${protocol === "udp" ? "udp " : ""}${hostAddress}:${hostPort} -> ${guestAddress}:${guestPort}`;
}
