// SPDX-License-Identifier: Apache-2.0
// Disks and NICs of the machine as QEMU arguments: VirtIO functions at fixed slots of the PCI bus, in the order in which
// they are named, so that the hypervisor finds them in the same order on every start. Also what must be right before QEMU
// starts: disk files are there or made, forwarded ports are free. Called by machine.ts, and by who starts a host.
import { open, mkdir, stat } from "node:fs/promises";
import { createSocket } from "node:dgram";
import net from "node:net";
import path from "node:path";
import { StepError } from "../errors.ts";
import { qemuValue } from "./quote.ts";

export interface DiskOptions {
  /** Its serial, at most 20 characters. */
  readonly name: string;
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly readOnly: boolean;
  /** Size of the raw file that is made when there is none. */
  readonly sizeBytes?: number;
}

export interface ForwardOptions {
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestAddress: string;
  readonly guestPort: number;
}

/** A NIC on QEMU's user network. */
export interface NicOptions {
  /** The network that it leads into. */
  readonly name: string;
  readonly forwards: readonly ForwardOptions[];
}

export const MAX_HOST_DISKS = 8;
export const MAX_NICS = 4;
const FIRST_DISK_SLOT = 0x08;
const FIRST_NIC_SLOT = 0x10;

const slot = (number: number): string => `bus=pcie.0,addr=0x${number.toString(16)}`;

/** Arguments for disk `index`, whose place on the bus follows from that. */
function diskArgs({ name, file, format, readOnly }: DiskOptions, index: number): string[] {
  const id = `disk${index}`;
  const access = readOnly ? "readonly=on" : "readonly=off,discard=unmap,detect-zeroes=off";
  const device = `virtio-blk-pci,drive=${id},serial=${qemuValue(name)},disable-legacy=on,${slot(FIRST_DISK_SLOT + index)}`;
  return ["-drive", `if=none,id=${id},file=${qemuValue(file)},format=${format},${access}`, "-device", device];
}

/** The NIC's own address: not one that guests are given. */
export const nicMac = (index: number): string => `02:54:31:00:00:${(index + 1).toString(16).padStart(2, "0")}`;

function nicArgs({ forwards }: NicOptions, index: number): string[] {
  const id = `nic${index}`;
  const rules = forwards.map(
    ({ protocol, hostAddress, hostPort, guestAddress, guestPort }) =>
      `,hostfwd=${protocol}:${hostAddress}:${hostPort}-${guestAddress}:${guestPort}`,
  );
  // Without a ROM: minimal installations of QEMU have none, and the hypervisor does not boot from it.
  const device = `virtio-net-pci,netdev=${id},mac=${nicMac(index)},romfile=,disable-legacy=on,${slot(FIRST_NIC_SLOT + index)}`;
  return ["-netdev", `user,id=${id}${rules.join("")}`, "-device", device];
}

export interface DeviceOptions {
  readonly disks?: readonly DiskOptions[];
  readonly nics?: readonly NicOptions[];
}

export function deviceArgs({ disks = [], nics = [] }: DeviceOptions): string[] {
  if (disks.length > MAX_HOST_DISKS) throw new RangeError(`a host has at most ${MAX_HOST_DISKS} disks`);
  if (nics.length > MAX_NICS) throw new RangeError(`a host has at most ${MAX_NICS} NICs`);
  return [...disks.flatMap(diskArgs), ...nics.flatMap(nicArgs)];
}

/** Makes the files of disks that have a size and are not there; a StepError for those that are missing or not to be opened. */
export async function prepareDisks(disks: readonly DiskOptions[]): Promise<void> {
  for (const disk of disks) await prepareDisk(disk);
}

async function prepareDisk({ name, file, format, readOnly, sizeBytes }: DiskOptions): Promise<void> {
  const step = `open disk ${name}`;
  const known = await stat(file).catch(() => undefined);
  if (known && !known.isFile() && !known.isBlockDevice())
    throw new StepError({ step, why: `${file} is no file`, fix: "name a disk image, or a block device" });
  try {
    if (known) return await (await open(file, readOnly ? "r" : "r+")).close();
    if (sizeBytes === undefined || format !== "raw") {
      const fix = format === "raw" ? "name another file, or give the disk a size" : `make it: qemu-img create -f qcow2`;
      throw new StepError({ step, why: `there is no file ${file}`, fix });
    }
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(file, "wx", 0o600);
    await handle.truncate(sizeBytes).finally(() => handle.close());
  } catch (error) {
    if (error instanceof StepError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = known
      ? `${file} cannot be ${readOnly ? "read" : "written"} (${code})`
      : `${file} cannot be made (${code})`;
    const fix = known && !readOnly ? "allow it, or say readOnly: true" : "allow it, or name another file";
    throw new StepError({ step, why, fix });
  }
}

/** A StepError that names the first forwarded port that this machine cannot give. */
export async function checkForwards(nics: readonly NicOptions[]): Promise<void> {
  const taken = new Map<string, string>();
  for (const { name, forwards } of nics) {
    for (const forward of forwards) {
      const { protocol, hostAddress, hostPort } = forward;
      const what = `${hostAddress}:${hostPort}${protocol === "udp" ? " (udp)" : ""}`;
      const step = `forward a port into network ${name}`;
      const other = taken.get(`${protocol}:${hostPort}`);
      if (other !== undefined) {
        throw new StepError({
          step,
          why: `port ${what} is forwarded into network ${other} too`,
          fix: "use another port",
        });
      }
      taken.set(`${protocol}:${hostPort}`, name);
      const code = await (protocol === "udp" ? bindUdp(forward) : bindTcp(forward));
      if (code !== undefined) throw new StepError({ step, ...portFailure(code, what, hostPort) });
    }
  }
}

function portFailure(code: string, what: string, port: number): { readonly why: string; readonly fix: string } {
  const other = "write another port in the network's forwards";
  if (code === "EADDRINUSE")
    return { why: `port ${what} is in use`, fix: `${other}, or end who has it (ss -ltnup 'sport = :${port}')` };
  if (code === "EACCES") return { why: `port ${what} is for the system only`, fix: `${other}: 1024 or above` };
  if (code === "EADDRNOTAVAIL")
    return { why: `this machine does not have the address of ${what}`, fix: "write 127.0.0.1" };
  return { why: `port ${what} cannot be had (${code})`, fix: other };
}

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

function bindTcp({ hostAddress, hostPort }: ForwardOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(codeOf(error)));
    server.listen({ host: hostAddress, port: hostPort, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function bindUdp({ hostAddress, hostPort }: ForwardOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", (error) => {
      socket.close();
      resolve(codeOf(error));
    });
    socket.bind({ address: hostAddress, port: hostPort, exclusive: true }, () =>
      socket.close(() => resolve(undefined)),
    );
  });
}
