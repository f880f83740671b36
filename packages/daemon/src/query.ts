// SPDX-License-Identifier: Apache-2.0
// Everything that the API tells and that changes nothing.
import {
  type AnyOperation,
  type ChannelClient,
  listGuests,
  OPERATIONS,
  type VcpuInfo as WireVcpu,
  WIRE_MAX_BODY,
} from "@typeone/protocol";
import type { GuestDetail, GuestInfo, HartInfo, HostInfo, IrqInfo, MemoryRun, Register, VcpuInfo } from "./api.ts";
import * as convert from "./convert.ts";
import { ApiError } from "./errors.ts";
import { clockOf, findGuest, type Service } from "./service.ts";

const MOST_MEMORY = 16 << 20;

/** All records of a list that is asked for from an index on. */
async function all<T>(ask: (from: number) => Promise<readonly T[]>): Promise<T[]> {
  const list: T[] = [];
  for (;;) {
    const records = await ask(list.length);
    list.push(...records);
    if (records.length === 0) return list;
  }
}

const records =
  <O extends AnyOperation>(client: ChannelClient, operation: O) =>
  async (from: number) =>
    (await client.call(operation, { from } as never)).records;

export async function hostInfo(service: Service): Promise<HostInfo> {
  const client = await service.link.client();
  const { answer } = await client.call(OPERATIONS.HostInfo, {});
  const hello = client.host;
  if (!hello) throw new ApiError({ code: "unavailable", message: "there is no session" });
  const { state, paths, machine } = service;
  return {
    name: paths.name,
    file: state.file,
    runDir: paths.dir,
    daemonPid: process.pid,
    qemuPid: machine.id.pid,
    startedAt: state.startedAt,
    release: hello.release,
    build: hello.build,
    architecture: hello.architecture,
    ticksPerSecond: Number(hello.ticksPerSecond),
    uptimeNs: convert.nanoseconds(answer.now, hello),
    harts: answer.harts,
    guests: answer.guests,
    guestLimit: answer.guestLimit,
    vcpuLimit: answer.vcpuLimit,
    memory: { totalBytes: Number(answer.memoryTotal), freeBytes: Number(answer.memoryFree) },
    own: { usedBytes: Number(answer.ownUsed), freeBytes: Number(answer.ownFree) },
    tables: { total: answer.tablesTotal, free: answer.tablesFree },
    timersArmed: answer.timersArmed,
    vmidsInUse: answer.vmidsInUse,
    blobs: answer.blobs,
    lines: answer.lines,
    entities: answer.entities,
    unownedInterrupts: answer.unownedInterrupts,
    hostBytesLost: answer.hostBytesLost,
    stage2Levels: answer.stage2Levels,
    interrupts: answer.interrupts,
    console: answer.console,
    channel: { ...service.link.info(), hypervisor: { good: answer.framesIn, bad: answer.framesBad } },
  };
}

export async function harts({ link, recorder }: Service): Promise<HartInfo[]> {
  const client = await link.client();
  const clock = await clockOf(client);
  const list = await all(records(client, OPERATIONS.Harts));
  return list.map((hart) => convert.toHart(hart, (id) => recorder.nameOf(id), clock));
}

export async function memoryMap({ link, recorder }: Service): Promise<MemoryRun[]> {
  const list = await all(records(await link.client(), OPERATIONS.Memory));
  return list.map((run) => convert.toMemoryRun(run, (id) => recorder.nameOf(id)));
}

export async function irqs({ link }: Service): Promise<IrqInfo[]> {
  return (await all(records(await link.client(), OPERATIONS.Irqs))).map(convert.toIrq);
}

export async function guests({ link }: Service): Promise<GuestInfo[]> {
  const client = await link.client();
  const [list, clock] = [await listGuests(client), await clockOf(client)];
  return list.map((guest) => convert.toGuest(guest, clock));
}

export async function guestDetail({ link }: Service, name: string): Promise<GuestDetail> {
  const client = await link.client();
  const guest = await findGuest(client, name);
  const clock = await clockOf(client);
  const handle = { guest: guest.id, generation: guest.generation };
  const vcpus = await all(async (from) => (await client.call(OPERATIONS.Vcpus, { ...handle, from })).records);
  const vcpuList: VcpuInfo[] = [];
  for (const vcpu of vcpus) vcpuList.push(convert.toVcpu(vcpu, await exitsOf(client, handle, vcpu), clock));
  return { ...convert.toGuest(guest, clock), vcpuList };
}

interface Handle {
  readonly guest: number;
  readonly generation: number;
}

async function exitsOf(client: ChannelClient, handle: Handle, vcpu: WireVcpu) {
  return (await client.call(OPERATIONS.Exits, { ...handle, vcpu: vcpu.index })).records;
}

export async function registers({ link }: Service, name: string, vcpu: number): Promise<Register[]> {
  const client = await link.client();
  const guest = await findGuest(client, name);
  const request = { guest: guest.id, generation: guest.generation, vcpu };
  const answer = await client.call(OPERATIONS.Registers, request).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "Busy")) throw error;
    const message = `vCPU ${vcpu} of guest ${guest.name} is on a hart`;
    throw new ApiError({ code: "busy", message, fix: `pause it first: typeone pause ${guest.name}` });
  });
  return answer.records.map((register) => ({ name: register.name, value: convert.hex(register.value) }));
}

export async function readMemory({ link }: Service, name: string, gpa: bigint, length: number): Promise<Buffer> {
  if (length < 1 || length > MOST_MEMORY)
    throw new ApiError({ code: "invalid", message: `a length of ${length} bytes is not 1 to ${MOST_MEMORY}` });
  const client = await link.client();
  const guest = await findGuest(client, name);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < length;) {
    const size = Math.min(WIRE_MAX_BODY, length - at);
    const request = { guest: guest.id, generation: guest.generation, gpa: gpa + BigInt(at), length: size };
    const { bytes } = await client.call(OPERATIONS.MemoryRead, request);
    if (bytes.length === 0) throw new ApiError({ code: "invalid", message: "the hypervisor answered no bytes" });
    parts.push(bytes);
    at += bytes.length;
  }
  return Buffer.concat(parts);
}
