// SPDX-License-Identifier: Apache-2.0
// The kernel command line of a guest with a Debian root file system: what differs between guests that share one image is
// said here, and systemd takes it from there. Pure. Called by the demo, the tests and the benches.
import { createHash } from "node:crypto";
import { StepError } from "../errors.ts";

/** A fixed address; without one the guest asks by DHCP. */
export interface GuestAddress {
  /** IPv4, e.g. 10.0.2.15. */
  readonly address: string;
  readonly prefix: number;
  readonly gateway?: string;
  /** The network card; any when absent. */
  readonly device?: string;
  readonly dns?: string;
}

export interface RootBootargs {
  /** Host name; the machine id is made from it. */
  readonly name: string;
  /** What the kernel calls the disk, or LABEL=, UUID=, PARTUUID=; /dev/vda when absent. */
  readonly root?: string;
  readonly address?: GuestAddress;
  /** Root's password on the console; none is asked for when absent. Everybody in the guest can read it. */
  readonly password?: string;
  /** A line of authorized_keys for root. */
  readonly authorizedKey?: string;
  /** "quiet" for measurements; "normal" shows the messages of kernel and systemd. */
  readonly log?: "quiet" | "normal";
  /** Where the guest keeps its writes: on its disk (which may be copy-on-write), or in its memory. */
  readonly writes?: "disk" | "memory";
  readonly console?: "ttyS0" | "hvc0";
  /** Size of the terminal behind the console; 24 by 80 when absent. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
  readonly more?: readonly string[];
}

/** The kernel's limit on riscv64, with its terminating zero. */
const MAX_LENGTH = 1024;

/** Debian's security modules without BPF's: with it systemd prepares a program that takes a guest 1.7 G instructions. */
const LSM = "lsm=landlock,lockdown,yama,integrity,apparmor";

/** A stable machine id of a guest's name (machine-id(5): 32 hex digits, not all zero). */
export function machineIdOf(name: string): string {
  return createHash("sha256").update(`typeone guest ${name}`).digest("hex").slice(0, 32);
}

function maskOf(prefix: number): string {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 32)
    throw new RangeError(`a prefix is 1 to 32, not ${prefix}`);
  const bits = (0xffffffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** ip= in the order that systemd-network-generator reads: client, peer, gateway, mask, host, device, how, DNS. */
function addressWord({ address, prefix, gateway = "", device = "", dns }: GuestAddress): string {
  const fields = [address, "", gateway, maskOf(prefix), "", device, "off", ...(dns === undefined ? [] : [dns])];
  return `ip=${fields.join(":")}`;
}

function credential(name: string, value: string): string {
  return `systemd.set_credential_binary=${name}:${Buffer.from(value).toString("base64")}`;
}

export function rootBootargs(options: RootBootargs): string {
  const { name, root = "/dev/vda", console: line = "ttyS0", log = "quiet", more = [] } = options;
  const { rows, columns } = options.terminal ?? { rows: 24, columns: 80 };
  if (!/^[a-z0-9]([a-z0-9-]{0,62})$/i.test(name)) throw new RangeError(`${JSON.stringify(name)} is no host name`);
  const words = [`console=${line}`, `root=${root}`, "rootwait", "rw"];
  if (log === "quiet") words.push("quiet", "systemd.show_status=no");
  // Said here so that systemd does not ask the terminal and wait for its answer.
  words.push(`systemd.tty.rows.${line}=${rows}`, `systemd.tty.columns.${line}=${columns}`, LSM);
  if (options.writes === "memory") words.push("typeone.overlay");
  words.push(`systemd.hostname=${name}`, `systemd.machine_id=${machineIdOf(name)}`);
  if (options.address) words.push(addressWord(options.address));
  if (options.password !== undefined) words.push(credential("passwd.plaintext-password.root", options.password));
  if (options.authorizedKey !== undefined) words.push(credential("ssh.authorized_keys.root", options.authorizedKey));
  const text = [...words, ...more].join(" ");
  if (Buffer.byteLength(text) < MAX_LENGTH) return text;
  throw new StepError({
    step: `write the kernel command line of ${name}`,
    why: `it has ${Buffer.byteLength(text)} bytes, and the kernel takes ${MAX_LENGTH - 1}`,
    fix: "use shorter names, or a key of fewer bytes (Ed25519)",
  });
}
