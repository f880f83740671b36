// SPDX-License-Identifier: Apache-2.0
// A host that exists only in a test: the calls of the client's interface over a few guests in memory. Answers are fixed,
// so that what a verb prints can be compared to the letter.
import { Duplex } from "node:stream";
import type {
  CrashRecord,
  ErrorBody,
  GuestDetail,
  GuestInfo,
  GuestState,
  HartInfo,
  HostClient,
  HostInfo,
  TracePiece,
  VcpuInfo,
} from "../host-client.ts";
import { FAKE_DISKS, FAKE_NETWORKS, fakeDisk, fakeNet } from "./fake-devices.ts";

/** As packages/daemon throws it; only its shape counts. */
export function apiError(body: ErrorBody): Error {
  return Object.assign(new Error(body.message), { name: "ApiError", code: body.code, fix: body.fix });
}

export function fakeVcpu(index: number, more: Partial<VcpuInfo> = {}): VcpuInfo {
  return {
    index,
    hart: index % 2,
    state: index === 0 ? "running" : "waiting",
    hsm: "started",
    policy: "priority",
    priority: 3,
    weight: 256,
    paused: false,
    affinity: [0, 1],
    runTimeNs: 1_500_000_000,
    waitTimeNs: 20_000_000,
    switches: 1200,
    exits: 700,
    interrupts: 90,
    exitsByKind: { "sbi-timer": 500, "mmio-store": 200 },
    ...more,
  };
}

export function fakeGuest(name: string, id: number, more: Partial<GuestInfo> = {}): GuestInfo {
  return {
    name,
    id,
    state: "running",
    vcpus: 2,
    maxVcpus: 4,
    onlineVcpus: 2,
    memoryBytes: 256 << 20,
    ramBase: "0x80000000",
    ageNs: 70_000_000_000,
    uptimeNs: 65_000_000_000,
    runTimeNs: 3_000_000_000,
    waitTimeNs: 40_000_000,
    exits: 1400,
    interrupts: 180,
    consoleOut: 4321,
    consoleIn: 12,
    consoleLost: 0,
    restarts: 0,
    restartsLeft: 10,
    onCrash: "preserve",
    onReboot: "restart",
    onPoweroff: "preserve",
    crashed: false,
    ...more,
  };
}

export const FAKE_HOST: HostInfo = {
  name: "lab",
  file: "/tmp/lab.yaml",
  runDir: "/run/typeone/lab",
  daemonPid: 101,
  qemuPid: 100,
  startedAt: "2026-01-01T00:00:00.000Z",
  release: "0.1.0",
  build: "abc123",
  architecture: "riscv64",
  ticksPerSecond: 10_000_000,
  uptimeNs: 100_000_000_000,
  harts: 2,
  guests: 2,
  guestLimit: 64,
  vcpuLimit: 8,
  memory: { totalBytes: 960 << 20, freeBytes: 448 << 20 },
  own: { usedBytes: 1 << 20, freeBytes: 3 << 20 },
  tables: { total: 256, free: 250 },
  timersArmed: 2,
  vmidsInUse: 2,
  blobs: 0,
  lines: 0,
  entities: 4,
  unownedInterrupts: 0,
  hostBytesLost: 0,
  stage2Levels: 3,
  interrupts: "PLIC",
  console: "UART",
  channel: {
    state: "ready",
    hypervisor: { good: 50, bad: 0 },
    daemon: { good: 60, bad: 1 },
    resent: 0,
    lastHeardMs: 100,
  },
};

const HARTS: readonly HartInfo[] = [
  {
    index: 0,
    online: true,
    id: "0",
    idleNs: 25_000_000_000,
    timerInterrupts: 10,
    ipis: 3,
    externalInterrupts: 7,
    current: { guest: "web", vcpu: 0 },
  },
  { index: 1, online: true, id: "1", idleNs: 100_000_000_000, timerInterrupts: 1, ipis: 2, externalInterrupts: 0 },
];

export const FAKE_CRASH: CrashRecord = {
  guest: "db",
  file: "/run/typeone/lab/crashes/db.json",
  seenAt: "2026-01-01T00:00:05.000Z",
  cause: "access to nothing",
  vcpu: 0,
  pc: "0x80200010",
  reason: 3,
  detail: "0x40",
  hypervisorPc: "0x0",
  hypervisorValue: "0x0",
  whenNs: 5_000_000_000,
  registers: ["ra", "sp", "gp", "tp", "t0"].map((name, i) => ({ name, value: `0x${i}` })),
  trail: [{ name: "mmio-load", pc: "0x80200010", detail: "0x10000000", func: "0x0" }],
};

const AFTER: Readonly<Record<string, GuestState>> = {
  start: "running",
  resume: "running",
  reset: "running",
  reboot: "running",
  pause: "paused",
  shutdown: "shutdown",
  poweroff: "shutdown",
};

async function* textOf(...pieces: string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
}

/** A console that answers every line with itself in capitals. */
function echo(begin: string): Duplex {
  const stream: Duplex = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      stream.push(bytes.toString().toUpperCase());
      done();
    },
  });
  stream.push(begin);
  return stream;
}

export interface FakeHost {
  readonly client: HostClient;
  /** Every changing call, as text. */
  readonly calls: string[];
  /** The guests that exist; tests may change it. */
  readonly guests: GuestInfo[];
  host: HostInfo;
  harts: readonly HartInfo[];
  pieces: readonly TracePiece[];
}

type Calls = Partial<HostClient>;

const note = (fake: FakeHost, text: string): Promise<void> => Promise.resolve(void fake.calls.push(text));

function find(fake: FakeHost, name: string): GuestInfo {
  const found =
    fake.guests.find((guest) => guest.name === name) ?? fake.guests.find((guest) => String(guest.id) === name);
  if (found) return found;
  throw apiError({ code: "not-found", message: `there is no guest ${name}`, fix: "typeone ls shows them" });
}

const detail = (guest: GuestInfo): GuestDetail => ({
  ...guest,
  vcpuList: Array.from({ length: guest.vcpus }, (_, i) => fakeVcpu(i)),
});

const hostCalls = (fake: FakeHost): Calls => ({
  host: async () => fake.host,
  harts: async () => [...fake.harts],
  memoryMap: async () => [
    { hpa: "0x80000000", bytes: 2 << 20, owner: "reserved" },
    { hpa: "0x90000000", bytes: 256 << 20, owner: "guest", guest: "web" },
    { hpa: "0xa0000000", bytes: 448 << 20, owner: "free" },
  ],
  irqs: async () => [{ number: 10, hart: 0, count: 1234, owner: "uart" }],
  hostAction: (action) => note(fake, `host ${action}`),
  stop: (options) => note(fake, `stop ${JSON.stringify(options ?? {})}`),
});

const guestCalls = (fake: FakeHost): Calls => ({
  guests: async () => fake.guests,
  guest: async (name) => detail(find(fake, name)),
  createGuest: async (guest, options = {}) => {
    options.onProgress?.({ phase: "prepare", what: "look at the files" });
    options.onProgress?.({ phase: "upload", file: "/boot/Image", done: 512, total: 1024 });
    options.onProgress?.({ phase: "create" });
    await note(fake, `create ${JSON.stringify({ ...guest, start: options.start })}`);
    const state = options.start === false ? "created" : "running";
    const made = fakeGuest(guest.name, fake.guests.length + 1, { state });
    fake.guests.push(made);
    return made;
  },
  guestAction: async (name, action, options = {}) => {
    const guest = find(fake, name);
    const how = `${options.wait === false ? " (no wait)" : ""}${options.timeoutMs ? ` ${options.timeoutMs}` : ""}`;
    await note(fake, `${action} ${guest.name}${how}`);
    if (guest.state === "crashed" && (action === "pause" || action === "shutdown"))
      throw apiError({ code: "state", message: `guest ${guest.name} has crashed` });
    return action === "destroy" ? undefined : { ...guest, state: AFTER[action] ?? guest.state };
  },
});

const vcpuCalls = (fake: FakeHost): Calls => ({
  setVcpuCount: async (name, count) => {
    await note(fake, `vcpus ${name} ${count}`);
    return detail(find(fake, name));
  },
  changeVcpu: async (name, index, patch) => {
    await note(fake, `vcpu ${name} ${index} ${JSON.stringify(patch)}`);
    return fakeVcpu(index);
  },
  registers: async () => FAKE_CRASH.registers.slice(),
  crashes: async () => [FAKE_CRASH],
  crash: async (name) => {
    if (name === "db") return FAKE_CRASH;
    throw apiError({ code: "not-found", message: `guest ${name} has no crash record` });
  },
  readMemory: async (_name, gpa, length) => Uint8Array.from({ length }, (_, i) => (Number(gpa & 0xffn) + i) & 0xff),
});

const deviceCalls = (fake: FakeHost): Calls => ({
  disks: async () => FAKE_DISKS,
  networks: async () => FAKE_NETWORKS,
  attachDisk: async (name, disk, options = {}) => {
    const { guest } = fakeDisk(find(fake, name).name, 2);
    if ("file" in disk.source)
      options.onProgress?.({ phase: "upload", file: disk.source.file, done: 512, total: 1024 });
    await note(fake, `attach ${guest} ${JSON.stringify(disk)}`);
    return fakeDisk(guest, 2);
  },
  attachNetwork: async (name, network) => {
    const { name: guest } = find(fake, name);
    await note(fake, `attach ${guest} ${JSON.stringify(network)}`);
    return fakeNet(guest, 1, { network: network.network });
  },
  detach: ({ guest, kind, index }, options = {}) =>
    note(fake, `detach ${guest} ${kind} ${index} ${JSON.stringify(options)}`),
  setLimits: async ({ guest, kind, index }, limits) => {
    await note(fake, `limits ${guest} ${kind} ${index} ${JSON.stringify(limits)}`);
    const more = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== 0));
    return kind === "disks" ? fakeDisk(guest, index, more) : fakeNet(guest, index, more);
  },
});

const streamCalls = (fake: FakeHost): Calls => ({
  log: () => textOf("typeone: boot\n", "typeone: guests\n"),
  events: async function* () {},
  consoleLog: (name) => (find(fake, name), textOf("one\ntwo\n", "three\n")),
  console: async (name, options = {}) => {
    await note(fake, `console ${find(fake, name).name} ${JSON.stringify(options)}`);
    return echo("# ");
  },
  uart: async () => echo("typeone> "),
  setTrace: (mask) => note(fake, `trace ${mask}`),
  trace: async function* (options = {}) {
    options.onHeader?.({ ticksPerSecond: 10_000_000, harts: 2 });
    for (const piece of fake.pieces) yield await Promise.resolve(piece);
  },
});

export function fakeHost(): FakeHost {
  const fake = {
    calls: [] as string[],
    guests: [fakeGuest("web", 1), fakeGuest("db", 2, { state: "crashed", crashed: true, vcpus: 1, onlineVcpus: 0 })],
    host: FAKE_HOST,
    harts: HARTS,
    pieces: [] as readonly TracePiece[],
  };
  const holder = fake as typeof fake & { client: HostClient };
  const calls = {
    ...hostCalls(holder),
    ...guestCalls(holder),
    ...vcpuCalls(holder),
    ...deviceCalls(holder),
    ...streamCalls(holder),
  };
  holder.client = { name: "lab", ...calls } as HostClient;
  return holder;
}
