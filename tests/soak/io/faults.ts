// SPDX-License-Identifier: Apache-2.0
// Disks of the first guest that fail while everything else goes on: one whose every request ends with an error, an overlay
// that reaches its limit, a disk that no longer answers. The faults are QEMU's (blkdebug, throttling), set through its
// control socket. Called by io.ts; the second guest works meanwhile, and so does the first one's other disks afterwards.
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DiskInfo, WireDeviceFlag } from "@typeone/protocol";
import { deviceFile, FAILING, type IoGuest, type IoHost, TIGHT_KIB, VANISHING } from "./io-host.ts";
import { answers, must, round } from "./work.ts";
import type { Totals } from "./totals.ts";

export interface FaultResult {
  readonly name: string;
  /** What was seen, in words. */
  readonly seen: string;
}

const KIB = 1024;
const COMMAND_MS = 60_000;
/** The driver gives a silent disk up after 30 s, and looks every 5 s; it waits twice as long when something answered. */
const GIVEN_UP_MS = 150_000;

interface Block {
  readonly device: string;
  readonly qdev?: string;
  readonly inserted?: { readonly "node-name"?: string };
}

/** Path in QEMU's object tree of the device that a drive belongs to. */
async function devicePath({ machine }: IoHost, drive: string): Promise<string> {
  const blocks = (await machine.monitor.execute("query-block")) as readonly Block[];
  const qdev = blocks.find(({ device }) => device === drive)?.qdev;
  if (qdev === undefined) throw new Error(`QEMU has no device with the drive ${drive}`);
  return qdev.replace(/\/virtio-backend$/, "");
}

/** Puts another block node behind a device that is in use. */
async function putBehind(host: IoHost, node: Readonly<Record<string, unknown>>): Promise<void> {
  const { monitor } = host.machine;
  const device = await devicePath(host, FAILING.drive);
  await monitor.execute("blockdev-add", node);
  await monitor.execute("qom-set", { path: device, property: "drive", value: node["node-name"] });
}

const failingFile = (host: IoHost) => ({
  driver: "file",
  filename: path.join(host.folder, `${FAILING.serial}.raw`),
  // The file is open already, by the node that this one takes the place of.
  locking: "off",
});

function failEverything(host: IoHost): Promise<void> {
  const error = (iotype: string) => ({ event: "none", iotype, errno: 5, once: false });
  const errors = ["read", "write", "flush", "write-zeroes", "discard"].map(error);
  const debug = { driver: "blkdebug", "inject-error": errors, image: failingFile(host) };
  return putBehind(host, { driver: "raw", "node-name": "failing-now", file: debug });
}

const heal = (host: IoHost): Promise<void> =>
  putBehind(host, { driver: "raw", "node-name": "healed", file: failingFile(host) });

const write = (serial: string, words: string): string =>
  `dd if=/dev/zero of=${deviceFile(serial)} oflag=direct bs=64k ${words}`;
const read = (serial: string): string => `dd if=${deviceFile(serial)} of=/dev/null iflag=direct bs=64k count=4`;

/** A command that must end with the guest's own I/O error. */
async function mustFail(guest: IoGuest, command: string, timeoutMs = COMMAND_MS): Promise<void> {
  const { status, output } = await guest.shell.run(command, { timeoutMs });
  if (status !== 0 && /Input\/output error/.test(output)) return;
  throw new Error(`in ${guest.name}: ${command} should have failed, and ended with ${status}: ${output.trim()}`);
}

async function diskOf(host: IoHost, guest: IoGuest, serial: string): Promise<DiskInfo> {
  const disk = (await host.disks(guest)).find((one) => one.serial === serial);
  if (disk) return disk;
  throw new Error(`${guest.name} has no disk ${serial}`);
}

const isFailed = ({ flags }: { readonly flags: number }): boolean => (flags & WireDeviceFlag.Failed) !== 0;

/** The host's disk ends everything with an error for a while, and then works again. */
async function fails(host: IoHost, guest: IoGuest): Promise<string> {
  const { serial } = FAILING;
  await must(guest, write(serial, "count=16"));
  await failEverything(host);
  await mustFail(guest, write(serial, "count=16"));
  await mustFail(guest, read(serial));
  const { errors, flags } = await diskOf(host, guest, serial);
  if (errors === 0n) throw new Error("the disk that failed counts no errors");
  if (isFailed({ flags })) throw new Error("a disk that answers with errors was given up");
  await heal(host);
  await must(guest, write(serial, "count=16"));
  await must(guest, read(serial));
  return `I/O errors in ${guest.name}, ${errors} counted; works again since the disk does`;
}

/** An overlay at its limit: what is in it stays right, more is refused. */
async function fillsUp(host: IoHost, guest: IoGuest): Promise<string> {
  const file = deviceFile("tight");
  const first = `dd if=${file} iflag=direct bs=64k count=16 2> /dev/null | sha256sum`;
  await must(guest, `dd if=/dev/urandom of=${file} oflag=direct bs=64k count=16 iflag=fullblock`);
  const before = await must(guest, first);
  await mustFail(guest, write("tight", `seek=16 count=${(2 * TIGHT_KIB) / 64}`));
  const after = await must(guest, first);
  if (before !== after) throw new Error(`what was in the full overlay changed: ${before} is now ${after}`);
  const { overlayUsed, overlayLimit, errors } = await diskOf(host, guest, "tight");
  if (overlayUsed > overlayLimit) throw new Error(`the overlay has ${overlayUsed} bytes and may have ${overlayLimit}`);
  if (errors === 0n) throw new Error("the full overlay counts no errors");
  const used = (bytes: bigint): string => `${Number(bytes) / KIB} KiB`;
  return `I/O error in ${guest.name} at ${used(overlayUsed)} of ${used(overlayLimit)}; what it has is as it was`;
}

/** `disk list` at the hypervisor's own terminal. */
async function diskList({ machine }: IoHost): Promise<string> {
  const { console } = machine;
  console.send(Buffer.from([0x1d, 0x30]));
  console.skip();
  console.type("\rdisk list\r");
  const [text] = await console.waitFor(/GUEST[^]*\btight\b[^\n]*\n/i, { timeoutMs: COMMAND_MS });
  return text;
}

/** The host's disk no longer answers: the driver gives it up. */
async function disappears(host: IoHost, guest: IoGuest): Promise<string> {
  const { serial, drive } = VANISHING;
  await must(guest, write(serial, "count=16"));
  const limits = { bps: 1, bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
  await host.machine.monitor.execute("block_set_io_throttle", { device: drive, ...limits });
  const start = Date.now();
  await mustFail(guest, write(serial, "count=64"), GIVEN_UP_MS);
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  await mustFail(guest, read(serial));
  const [ofHost] = (await host.hostDisks()).filter(({ name }) => name === serial);
  if (!ofHost || !isFailed(ofHost)) throw new Error("the host's disk is gone and does not say failed");
  if (!isFailed(await diskOf(host, guest, serial))) throw new Error("the guest's disk does not say failed");
  if (!/vanishing[^\n]*failed/.test(await diskList(host))) throw new Error("disk list does not say failed");
  return `I/O errors in ${guest.name} after ${seconds} s; disk list says failed`;
}

const PARTS = {
  "a disk fails": fails,
  "an overlay fills up": fillsUp,
  "a disk disappears": disappears,
} as const;

/** Rounds in the neighbour until the part is over, at least one. */
async function beside<T>(guest: IoGuest, totals: Totals, part: Promise<T>): Promise<T> {
  let over: "yes" | "no" = "no";
  const mark = (): void => void (over = "yes");
  part.then(mark, mark);
  for (let number = 0; number === 0 || (over as string) === "no"; number++) {
    await round(guest, totals, { round: number });
    await sleep(0);
  }
  return part;
}

/** All parts, one after the other; `tell` hears of each. Rejects with what went wrong first. */
export async function faults(host: IoHost, totals: Totals, tell: (text: string) => void): Promise<FaultResult[]> {
  const [victim, neighbour] = host.guests;
  if (!victim || !neighbour) throw new Error("there must be two guests");
  const results: FaultResult[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    const seen = await beside(neighbour, totals, part(host, victim));
    await answers(victim);
    await answers(neighbour);
    tell(`${name}: ${seen}`);
    results.push({ name, seen });
  }
  await round(victim, totals, { round: 0 });
  return results;
}
