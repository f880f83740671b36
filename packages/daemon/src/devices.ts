// SPDX-License-Identifier: Apache-2.0
// Disks and networks over the API: listing a host's and its guests', attaching to a guest that exists, detaching, limits.
import { setTimeout as sleep } from "node:timers/promises";
import type { GuestDisk, GuestNetwork } from "@typeone/config";
import {
  type AnyOperation,
  type ChannelClient,
  type GuestInfo,
  listGuests,
  OPERATIONS,
  WireDevice,
} from "@typeone/protocol";
import type { AttachLine, DeviceLimits, DiskInfo, Disks, NetInfo, Networks } from "./api-devices.ts";
import * as convert from "./convert-devices.ts";
import { upload } from "./create.ts";
import { ApiError } from "./errors.ts";
import { findGuest, type Service } from "./service.ts";

const DETACH_MS = 10_000;
const LOOK_MS = 100;

/** All records of a list that is asked for from an index on; the indexes of those that there are may have gaps. */
async function listed<T extends { readonly index: number }>(
  ask: (from: number) => Promise<readonly T[]>,
): Promise<T[]> {
  const list: T[] = [];
  for (let from = 0; ;) {
    const records = await ask(from);
    const last = records.at(-1);
    if (!last || last.index < from) return list;
    list.push(...records);
    from = last.index + 1;
  }
}

const ofHost =
  <O extends AnyOperation>(client: ChannelClient, operation: O) =>
  async (from: number) =>
    (await client.call(operation, { from } as never)).records;

const handleOf = ({ id, generation }: GuestInfo) => ({ guest: id, generation });

async function disksOf(client: ChannelClient, guest: GuestInfo): Promise<DiskInfo[]> {
  const handle = handleOf(guest);
  const list = await listed(async (from) => (await client.call(OPERATIONS.Disks, { ...handle, from })).records);
  return list.map((disk) => convert.toDisk(disk, guest.name));
}

async function netsOf(client: ChannelClient, guest: GuestInfo): Promise<NetInfo[]> {
  const handle = handleOf(guest);
  const list = await listed(async (from) => (await client.call(OPERATIONS.Nets, { ...handle, from })).records);
  return list.map((net) => convert.toNet(net, guest.name));
}

/** Of all guests; one that goes meanwhile has none. */
async function ofAll<T>(client: ChannelClient, ask: (guest: GuestInfo) => Promise<readonly T[]>): Promise<T[]> {
  const lists: (readonly T[])[] = [];
  for (const guest of await listGuests(client)) {
    lists.push(
      await ask(guest).catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "NotFound") return [];
        throw error;
      }),
    );
  }
  return lists.flat();
}

export async function disks({ link }: Service): Promise<Disks> {
  const client = await link.client();
  const host = await listed(ofHost(client, OPERATIONS.HostDisks));
  return { guests: await ofAll(client, (guest) => disksOf(client, guest)), host: host.map(convert.toHostDisk) };
}

export async function networks({ link }: Service): Promise<Networks> {
  const client = await link.client();
  const switches = await listed(ofHost(client, OPERATIONS.Switches));
  const nics = await listed(ofHost(client, OPERATIONS.Nics));
  return {
    guests: await ofAll(client, (guest) => netsOf(client, guest)),
    switches: switches.map(convert.toSwitch),
    nics: nics.map((nic) => convert.toNic(nic, switches)),
  };
}

/** A guest's device, and what its kind is called. */
interface Kind<T> {
  readonly wire: number;
  readonly word: string;
  readonly list: (client: ChannelClient, guest: GuestInfo) => Promise<readonly T[]>;
}

const DISK: Kind<DiskInfo> = { wire: WireDevice.Disk, word: "disk", list: disksOf };
const NET: Kind<NetInfo> = { wire: WireDevice.Net, word: "net", list: netsOf };
export const KINDS = { disks: DISK, nets: NET } as const;
type AnyKind = (typeof KINDS)[keyof typeof KINDS];

async function attached<T extends { readonly index: number }>(
  client: ChannelClient,
  guest: GuestInfo,
  kind: Kind<T>,
  tree: Uint8Array,
): Promise<T> {
  const request = { ...handleOf(guest), kind: kind.wire };
  const { answer } = await client.call(OPERATIONS.DeviceAttach, request, { tail: tree });
  const made = (await kind.list(client, guest)).find(({ index }) => index === answer.index);
  if (made) return made;
  const message = `${kind.word}${answer.index} of guest ${guest.name} was attached and is gone again`;
  throw new ApiError({ code: "state", message });
}

export interface AttachRequest {
  readonly name: string;
  readonly disk: GuestDisk;
  readonly tell: (line: AttachLine) => void;
  readonly signal: AbortSignal;
}

/** Sends the content of its file, if it is made of one, then gives the guest the disk. */
export async function attachDisk({ link }: Service, { name, disk, tell, signal }: AttachRequest): Promise<DiskInfo> {
  const client = await link.client();
  const guest = await findGuest(client, name);
  const { compileDevice, diskProperties, writes } = await import("@typeone/config");
  const { source } = disk;
  const contents = writes(disk) ? "own" : "shared";
  const blob = "file" in source ? await upload(client, source.file, { tell, signal, contents }) : undefined;
  try {
    tell({ phase: "create" });
    const properties = { ...diskProperties(disk), ...(blob === undefined ? {} : { "typeone,blob": blob }) };
    return await attached(client, guest, DISK, compileDevice("disk", properties));
  } finally {
    if (blob !== undefined) await client.call(OPERATIONS.BlobDrop, { id: blob }).catch(() => undefined);
  }
}

export async function attachNetwork({ link }: Service, name: string, network: GuestNetwork): Promise<NetInfo> {
  const client = await link.client();
  const guest = await findGuest(client, name);
  const { compileDevice, networkProperties } = await import("@typeone/config");
  return attached(client, guest, NET, compileDevice("net", networkProperties(network)));
}

async function findDevice(client: ChannelClient, guest: GuestInfo, kind: AnyKind, index: number) {
  const list: readonly (DiskInfo | NetInfo)[] = await kind.list(client, guest);
  const found = list.find((device) => device.index === index);
  if (found) return found;
  const names = list.map((device) => `${kind.word}${device.index}`);
  const fix = names.length === 0 ? `it has none` : `it has ${names.join(", ")}`;
  throw new ApiError({ code: "not-found", message: `guest ${guest.name} has no ${kind.word}${index}`, fix });
}

export interface Target {
  readonly name: string;
  readonly kind: AnyKind;
  readonly index: number;
}

export interface DetachOptions {
  readonly force: boolean;
  readonly wait: boolean;
  readonly timeoutMs?: number | undefined;
}

/** Answers when the guest has let go of it. */
export async function detach({ link }: Service, target: Target, options: DetachOptions): Promise<void> {
  const client = await link.client();
  const { kind, index } = target;
  const guest = await findGuest(client, target.name);
  await findDevice(client, guest, kind, index);
  const request = { ...handleOf(guest), kind: kind.wire, index, force: options.force ? 1 : 0 };
  await client.call(OPERATIONS.DeviceDetach, request);
  if (!options.wait) return;
  const timeoutMs = options.timeoutMs ?? DETACH_MS;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const list: readonly (DiskInfo | NetInfo)[] = await kind.list(client, guest);
    if (!list.some((device) => device.index === index)) return;
    if (Date.now() >= deadline) break;
    await sleep(Math.min(LOOK_MS, Math.max(1, deadline - Date.now())));
  }
  const message = `guest ${guest.name} did not let go of ${kind.word}${index} within ${timeoutMs / 1000} s`;
  const fix = `in a Linux without PCI hot-plug: echo 1 > /sys/bus/pci/devices/…/remove; or typeone ${kind.word} detach ${guest.name} ${index} --force`;
  throw new ApiError({ code: "timeout", message, fix });
}

/** What is not named stays as it is. */
export async function setLimits({ link }: Service, target: Target, limits: DeviceLimits): Promise<DiskInfo | NetInfo> {
  const client = await link.client();
  const { kind, index } = target;
  const guest = await findGuest(client, target.name);
  const before = await findDevice(client, guest, kind, index);
  const iops = "iops" in before ? before.iops : undefined;
  if (kind === NET && (limits.iops !== undefined || limits.overlayBytes !== undefined))
    throw new ApiError({ code: "invalid", message: "a network interface has a limit of its rate only" });
  await client.call(OPERATIONS.DeviceLimits, {
    ...{ ...handleOf(guest), kind: kind.wire, index },
    rate: BigInt(limits.rate ?? before.rate ?? 0),
    iops: BigInt(limits.iops ?? iops ?? 0),
    overlayLimit: BigInt(limits.overlayBytes ?? 0),
  });
  return findDevice(client, guest, kind, index);
}
