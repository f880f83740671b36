// SPDX-License-Identifier: Apache-2.0
// The byte links of the management channel in the whole core: frames both ways over the virtio console under load, a
// device that answers nonsense, and one UART for people and for frames.
import fc from "fast-check";
import { encodeFrame, FrameDecoder, type ReceivedFrame } from "@typeone/protocol";
import { type Aia, ecall, EID, Machine, type MachineOptions, program } from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { domain } from "./support.ts";

/** The core with a session layer that answers: core/mgmt/link/link.testing.ts. */
const CORE = "core/mgmt/link/link.testing.ts";
const [ECHO, COUNTERS, BURST, WAKE, WOKEN, ATTACH, DETACH, NOTHING] = [1, 2, 3, 4, 5, 7, 8, 99];
const [VIRTIO, UART] = [1, 2];
const PROMPT = "typeone> ";
const NO_BYTES = new Uint8Array();
const CTRL_BRACKET = "\x1d";

const words = (count: number): Uint8Array => new Uint8Array(Uint32Array.of(count).buffer);
const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

/** The toolstack's end of a link. */
class Peer {
  readonly machine: Machine;
  readonly frames: ReceivedFrame[] = [];
  readonly decoder = new FrameDecoder();
  readonly link: number;
  #seen: number;

  constructor(machine: Machine, link: number) {
    this.machine = machine;
    this.link = link;
    this.#seen = machine.console.length;
  }

  raw(bytes: Uint8Array): void {
    if (this.link === VIRTIO) this.machine.channel.send(bytes);
    else this.machine.devices.uart.inject(Buffer.from(bytes).toString("latin1"));
  }

  send(operation: number, body: Uint8Array = NO_BYTES, sequence = 1): void {
    this.raw(encodeFrame({ kind: 1, session: 7, sequence, operation, body }));
  }

  pump(): void {
    const console = this.machine.console;
    const bytes = this.link === VIRTIO ? this.machine.channel.take() : latin(console.slice(this.#seen));
    this.#seen = console.length;
    this.frames.push(...this.decoder.push(bytes));
  }

  /** Runs until there are `count` frames in all. */
  await(count: number, maxSteps = 50_000): void {
    this.machine.runUntil(() => (this.pump(), this.frames.length >= count), { maxSteps });
  }

  ask(operation: number, body: Uint8Array = NO_BYTES): ReceivedFrame {
    const before = this.frames.length;
    this.send(operation, body);
    this.await(before + 1);
    return this.frames[before] as ReceivedFrame;
  }

  counters(): { frames: number; bad: number; bytes: number; refused: number; link: number; window: number } {
    const { body } = this.ask(COUNTERS);
    const view = new DataView(body.buffer, body.byteOffset);
    const at = (offset: number): number => view.getUint32(offset, true);
    return { frames: at(0), bad: at(4), bytes: at(8), refused: at(16), link: at(20), window: at(24) };
  }
}

async function booted(options: MachineOptions = {}): Promise<Machine> {
  const machine = (await Machine.create({ core: CORE, channel: "modern", ...options })).boot();
  machine.run(() => false, { maxSteps: 3000 });
  expect(machine.console).toContain(PROMPT);
  return machine;
}

describe("the virtio console", () => {
  const controllers: readonly Aia[] = ["none", "aplic", "aplic-imsic"];
  it.each(controllers)("is found behind an empty slot, comes up and answers, aia %s", async (aia) => {
    const machine = await booted({ aia });
    expect(machine.channel.running).toBe(true);
    expect(machine.channel.receiveBuffers).toBe(8);
    const peer = new Peer(machine, VIRTIO);
    const body = Uint8Array.from({ length: 4096 }, (_, index) => index % 256);
    expect(Buffer.compare(peer.ask(ECHO, body).body, body)).toBe(0);
    const counters = peer.counters();
    expect(counters).toMatchObject({ frames: 2, bad: 0, refused: 0, link: VIRTIO });
    const asked = [ECHO, COUNTERS].map((operation) =>
      encodeFrame({ kind: 1, session: 7, sequence: 1, operation, body: operation === ECHO ? body : NO_BYTES }),
    );
    expect(counters.bytes).toBe(asked.reduce((sum, wire) => sum + wire.length, 0));
    expect(counters.window).toBeGreaterThanOrEqual(65536);
    machine.check();
  });

  it.each(controllers)("works over PCI, aia %s", async (aia) => {
    const machine = await booted({ aia, channel: "pci" });
    const peer = new Peer(machine, VIRTIO);
    const body = Uint8Array.from({ length: 4000 }, (_, index) => index % 251);
    for (let round = 0; round < 20; round++) expect(Buffer.compare(peer.ask(ECHO, body).body, body)).toBe(0);
    expect(peer.counters()).toMatchObject({ frames: 21, bad: 0, link: VIRTIO });
    machine.check();
  });

  it("carries frames of every size both ways under load, in order and unchanged", async () => {
    const machine = await booted({ seed: 5 });
    const peer = new Peer(machine, VIRTIO);
    const bodies = Array.from({ length: 400 }, (_, index) =>
      Uint8Array.from({ length: (index * 523) % 4097 }, (_unused, at) => ((at * (index + 1)) >> 3) & 0xff),
    );
    bodies.forEach((body, index) => peer.send(ECHO, body, index));
    peer.await(bodies.length, 500_000);
    expect(peer.frames.map(({ sequence }) => sequence)).toEqual(bodies.map((_, index) => index));
    peer.frames.forEach((frame, index) => expect(Buffer.compare(frame.body, bodies[index] as Uint8Array)).toBe(0));
    expect(peer.decoder.bad).toBe(0);
    expect(peer.counters()).toMatchObject({ frames: 401, bad: 0, refused: 0 });
    machine.run(() => false, { maxSteps: 500 });
    expect(machine.channel.receiveBuffers).toBe(8);
    machine.check();
  });

  it("rings for few of its buffers", async () => {
    const machine = await booted();
    const peer = new Peer(machine, VIRTIO);
    const before = machine.channel.notifications;
    for (let index = 0; index < 64; index++) peer.send(NOTHING, new Uint8Array(4000).fill(1), index);
    expect(peer.counters().frames).toBe(65);
    expect(machine.channel.notifications - before).toBeLessThan(40);
  });

  it("sends as room comes back, and takes no request that it could not answer", async () => {
    const machine = await booted();
    const peer = new Peer(machine, VIRTIO);
    machine.channel.hold();
    peer.send(BURST, words(50));
    machine.run(() => false, { maxSteps: 2000 });
    peer.pump();
    expect(peer.frames.length).toBe(8);
    // Nobody takes what it says: what it is asked waits in front of it.
    for (let index = 0; index < 100; index++) peer.send(ECHO, new Uint8Array(4000), 1000 + index);
    machine.run(() => false, { maxSteps: 4000 });
    peer.pump();
    expect(peer.frames.length).toBe(8);
    expect(machine.channel.waiting).toBeGreaterThan(60 * 4000);
    machine.channel.release(3);
    peer.await(11);
    machine.channel.release();
    peer.await(150, 400_000);
    const notices = peer.frames.filter(({ operation }) => operation === BURST);
    expect(notices.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    const echoes = peer.frames.filter(({ operation }) => operation === ECHO);
    expect(echoes.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, index) => 1000 + index));
    expect(peer.counters().refused).toBe(0);
    machine.check();
  });

  it("lets any context bring work to its worker", async () => {
    const machine = await booted();
    expect(new Peer(machine, VIRTIO).ask(WAKE).operation).toBe(WOKEN);
  });

  it("finds its way again after garbage, cut frames and replays", async () => {
    const machine = await booted();
    const peer = new Peer(machine, VIRTIO);
    const wire = encodeFrame({
      kind: 1,
      session: 7,
      sequence: 3,
      operation: NOTHING,
      body: new Uint8Array(700).fill(9),
    });
    const damage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: wire.length }).map((at) => wire.subarray(0, at)),
      fc.nat({ max: wire.length }).map((at) => wire.subarray(at)),
      fc.constant(wire),
      fc.constant(new Uint8Array(9000).fill(1)),
    );
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 6 }), (parts) => {
        for (const part of parts) peer.raw(part);
        const body = Uint8Array.of(parts.length, 0, 1);
        // The frame's own first zero ends whatever came before it.
        expect([...peer.ask(ECHO, body).body]).toEqual([...body]);
      }),
      { numRuns: 40 },
    );
    expect(peer.counters().refused).toBe(0);
    machine.check();
  });

  // What a transmit buffer's length says is of no meaning, so it is no lie.
  const lies = [
    ...(["id", "twice", "index", "length"] as const).map((kind) => ({ kind, queue: 0 })),
    ...(["id", "twice", "index"] as const).map((kind) => ({ kind, queue: 1 })),
  ];
  it.each(lies)("gives a device up that lies ($kind, queue $queue), and says so", async ({ kind, queue }) => {
    const machine = await booted();
    const peer = new Peer(machine, VIRTIO);
    peer.ask(ECHO);
    machine.channel.lie(queue, kind);
    for (let index = 0; index < 30; index++) peer.send(ECHO, new Uint8Array(3000));
    machine.run(() => machine.console.includes("answers nonsense"), { maxSteps: 20_000 });
    expect(machine.console.split("answers nonsense").length).toBe(2);
    expect(machine.channel.running).toBe(false);
    // The hypervisor goes on, and so does the channel on the UART.
    const other = new Peer(machine, UART);
    expect(other.ask(ECHO, latin("still here")).body.length).toBe(10);
    machine.check();
  });

  it("says why it does not use a legacy device", async () => {
    const machine = await booted({ channel: "legacy" });
    expect(machine.console).toContain("force-legacy=false");
    expect(machine.channel.running).toBe(false);
    expect(new Peer(machine, UART).ask(ECHO, latin("x")).body.length).toBe(1);
  });
});

describe("one UART for people and for frames", () => {
  const after = (machine: Machine, act: () => void, steps = 4000): string => {
    const before = machine.console.length;
    act();
    machine.run(() => false, { maxSteps: steps });
    return machine.console.slice(before);
  };
  const type = (machine: Machine, text: string): string => after(machine, () => machine.devices.uart.inject(text));

  it("takes frames out of what is typed, and answers them", async () => {
    const machine = await booted({ channel: "none" });
    const peer = new Peer(machine, UART);
    machine.devices.uart.inject("ver");
    expect(Buffer.from(peer.ask(ECHO, latin("guest list\r")).body).toString()).toBe("guest list\r");
    expect(peer.counters()).toMatchObject({ frames: 2, bad: 0, link: UART, window: 8192 });
    expect(type(machine, "sion\r")).toContain("TypeOne 0.1.0");
    machine.check();
  });

  it("passes on what only looks like a frame at first", async () => {
    const machine = await booted({ channel: "none" });
    expect(type(machine, "\0ver\0\0sion\r")).toContain("TypeOne 0.1.0");
    // Nothing of a bad frame is typed, and the next one is good.
    expect(type(machine, "\0\x01help\r\0host info\r")).not.toContain("guest list");
    const peer = new Peer(machine, UART);
    expect(peer.counters()).toMatchObject({ frames: 1, bad: 1 });
    // What is longer than any frame belongs to people again.
    type(machine, `\0\x01${"\x02".repeat(5000)}`);
    expect(type(machine, "\x15version\r")).toContain("TypeOne 0.1.0");
  });

  it("gives a frame up that stops half way for a second", async () => {
    const machine = await booted({ channel: "none" });
    expect(type(machine, "\0\x01version\r")).toBe("");
    machine.time += 20_000_000n;
    expect(type(machine, "version\r")).toContain("TypeOne 0.1.0");
    expect(new Peer(machine, UART).counters()).toMatchObject({ frames: 1, bad: 1 });
  });

  const chatty = program({
    *boot(cpu) {
      for (let round = 0; ; round++) {
        // What it says looks like frames, and like keys.
        const said = `${round} \0\x01\x02\x03\0${CTRL_BRACKET}q\x1b[2J\n`;
        for (const byte of latin(said)) yield* ecall(EID.dbcn, 2n, BigInt(byte));
        if (round % 8 === 7) cpu.guest.log.push("spoke");
      }
    },
  });

  it.each(["0", "1"])("carries frames only while a session lives on it, whoever had the focus (%s)", async (focus) => {
    const machine = await booted({ channel: "none", domains: [domain("chatty", chatty)] });
    type(machine, `${CTRL_BRACKET}${focus}`);
    const peer = new Peer(machine, UART);
    const start = machine.console.length;
    peer.send(ATTACH);
    peer.await(1);
    const heard = machine.guest("chatty").log.length;
    const typed = after(machine, () => machine.devices.uart.inject(`version\r${CTRL_BRACKET}q`), 20_000);
    expect(typed).toBe("");
    expect(machine.resets).toEqual([]);
    expect(machine.guest("chatty").log.length).toBeGreaterThan(heard);
    for (let index = 0; index < 20; index++) peer.ask(ECHO, new Uint8Array(index * 200));
    const only = new FrameDecoder();
    const from = machine.console.indexOf("\0\x01", start);
    expect(only.push(latin(machine.console.slice(from))).length).toBe(21);
    expect(only.bad).toBe(0);
    const end = after(machine, () => peer.send(DETACH), 20_000);
    expect(end).toMatch(/^\r\n(\x1b\[0m\r\n|\r\x1b\[K)?typeone: the management session on this line is over\r\n/);
    if (focus === "0") expect(end.endsWith(PROMPT)).toBe(true);
    else expect(end).toMatch(/\d+ \0\x01/);
    type(machine, `${CTRL_BRACKET}0\r`);
    expect(type(machine, "version\r")).toContain("TypeOne 0.1.0");
    machine.check();
  });

  it("keeps a frame that was under way when the session ended from people", async () => {
    const machine = await booted({ channel: "none" });
    const peer = new Peer(machine, UART);
    peer.ask(ATTACH);
    peer.send(DETACH);
    const rest = latin(`${CTRL_BRACKET}q\rversion\r`);
    peer.raw(encodeFrame({ kind: 1, session: 7, sequence: 9, operation: NOTHING, body: rest }).subarray(0, 10));
    machine.run(() => false, { maxSteps: 4000 });
    expect(after(machine, () => peer.raw(Uint8Array.from([...rest, 0])))).toBe("");
    expect(machine.resets).toEqual([]);
    expect(type(machine, "version\r")).toContain("TypeOne 0.1.0");
  });

  it("sends as the line has room", async () => {
    const machine = await booted({ channel: "none" });
    const peer = new Peer(machine, UART);
    peer.ask(ATTACH);
    peer.send(BURST, words(40));
    peer.await(41, 100_000);
    expect(peer.decoder.bad).toBe(0);
    expect(peer.frames.slice(1).map(({ sequence }) => sequence)).toEqual(Array.from({ length: 40 }, (_, at) => at));
  });

  it("survives any bytes, and people come back to a prompt", async () => {
    const machine = await booted({ channel: "none" });
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.filter((byte) => byte !== 0x1d)),
      fc.constantFrom(Uint8Array.of(0), Uint8Array.of(0, 1), Uint8Array.of(0, 0, 1)),
      fc.constant(encodeFrame({ kind: 1, session: 1, sequence: 1, operation: NOTHING, body: latin("body") })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        for (const bytes of parts) machine.devices.uart.inject(Buffer.from(bytes).toString("latin1"));
        machine.run(() => false, { maxSteps: 1000 });
        machine.time += 20_000_000n;
        expect(type(machine, "x\x15\x1b[B\x03version\r")).toContain("TypeOne 0.1.0");
      }),
      { numRuns: 30 },
    );
    machine.check();
  });
});
