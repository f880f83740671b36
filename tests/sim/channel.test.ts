// SPDX-License-Identifier: Apache-2.0
// The management channel in the whole core: sessions, takeovers, replays and garbage; guests and their consoles by
// positions; blobs; events. After everything the machine has what it had before.
import fc from "fast-check";
import { encodeFrame, OPERATIONS, WireAction, WireState, WireStatus, WireStream } from "@typeone/protocol";
import { compute, program } from "@typeone/sim";
import { describe, expect, it } from "vitest";
import {
  channelMachine,
  hear,
  holdings,
  latin,
  openRequest,
  PATIENCE,
  pattern,
  quietMachine,
  say,
  sayFast,
  SECOND,
  textOf,
  Toolstack,
  uartOf,
} from "./channel-support.ts";
import { ask } from "./typing.ts";
import { domain, MIB, sleep } from "./support.ts";

/** Says everything that a test pushes into `words`. */
function speaker(words: Uint8Array[]) {
  return program({
    *boot(cpu) {
      const uart = yield* uartOf(cpu);
      cpu.guest.log.push("up");
      for (;;) {
        const next = words.shift();
        if (next) yield* say(uart, next);
        else yield* compute(PATIENCE);
      }
    },
  });
}

describe("sessions", () => {
  it("begin with HELLO, which says what the hypervisor is, and answer nobody else", async () => {
    const { machine, tool } = await quietMachine();
    expect(tool.ask(OPERATIONS.HostInfo, {}).status).toBe(WireStatus.Session);
    const { answer, status } = tool.hello();
    expect(status).toBe(0);
    expect(answer).toMatchObject({ version: 1, guestLimit: 64, vcpuLimit: 8, hartCount: 2, ticksPerSecond: SECOND });
    expect(answer).toMatchObject({ release: "0.1.0", architecture: "riscv64" });
    expect(answer.window).toBeGreaterThanOrEqual(65536);
    expect(tool.ask(OPERATIONS.HostInfo, {}, { session: 99 }).status).toBe(WireStatus.Session);
    expect(tool.ask(OPERATIONS.HostInfo, {}).answer).toMatchObject({ harts: 2, guests: 2, stage2Levels: 3 });
    expect(tool.ask(OPERATIONS.Bye, {}).status).toBe(0);
    expect(tool.ask(OPERATIONS.HostInfo, {}).status).toBe(WireStatus.Session);
    machine.check();
  });

  it("refuse what is unknown, too short, too long or marked wrongly, and go on", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const unknown = { ...OPERATIONS.Poll, number: 59 };
    expect(tool.ask(unknown, {}).status).toBe(WireStatus.Unsupported);
    expect(tool.ask({ ...unknown, number: 0xffff }, {}).status).toBe(WireStatus.Unsupported);
    for (const operation of Object.values(OPERATIONS)) {
      const { size } = operation.request;
      if (size > 0) {
        const short = new Uint8Array(size - 1);
        expect(tool.ask(operation, {}, { body: short }).status, operation.name).toBe(WireStatus.Malformed);
      }
      if (operation.requestTail === "bytes") continue;
      const long = new Uint8Array(size + 1);
      expect(tool.ask(operation, {}, { body: long }).status, operation.name).toBe(WireStatus.Malformed);
    }
    expect(tool.ask(OPERATIONS.Poll, {}).status).toBe(0);
  });

  it("end after ten seconds without a frame, and no sooner", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    tool.wait(9n * SECOND);
    expect(tool.ask(OPERATIONS.Poll, {}).status).toBe(0);
    tool.wait(12n * SECOND);
    expect(tool.ask(OPERATIONS.Poll, {}).status).toBe(WireStatus.Session);
  });

  it("leave the UART to people when they end half way through a frame", async () => {
    const machine = await channelMachine({ channel: "none" });
    const tool = new Toolstack(machine, 5, "uart");
    tool.hello();
    tool.raw(Uint8Array.of(0, 1, 3, 1, 1));
    machine.runUntil(() => machine.console.endsWith("typeone> "), { maxSteps: 400_000 });
    expect(ask(machine, "version").join()).toContain("TypeOne");
  });

  it("are taken over by another HELLO; what is late of the former one changes nothing", async () => {
    const { tool } = await quietMachine();
    tool.hello(7);
    const other = new Toolstack(tool.machine, 8);
    expect(other.hello().status).toBe(0);
    expect(tool.ask(OPERATIONS.Poll, {}).status).toBe(WireStatus.Session);
    expect(tool.ask(OPERATIONS.Hello, { version: 1 }).status).toBe(WireStatus.Session);
    expect(other.ask(OPERATIONS.Poll, {}).status).toBe(0);
    expect(other.hello().status).toBe(0);
  });

  it("with another version of the protocol do not begin, but learn which one it is", async () => {
    const { tool } = await quietMachine();
    expect(tool.ask(OPERATIONS.Hello, { version: 2 }).answer.version).toBe(1);
    expect(tool.ask(OPERATIONS.Poll, {}).status).toBe(WireStatus.Session);
  });

  it("do a change once however often it is asked for, and never one that is late", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const request = openRequest(pattern(5000));
    const first = tool.ask(OPERATIONS.BlobOpen, request);
    const again = tool.ask(OPERATIONS.BlobOpen, request, { sequence: first.frame.sequence });
    expect(again.answer).toEqual(first.answer);
    expect(tool.host().blobs).toBe(1);
    // The same number on another operation is no repetition, and an older one is late.
    const sequence = first.frame.sequence;
    expect(tool.ask(OPERATIONS.BlobDrop, { id: first.answer.id }, { sequence }).status).toBe(WireStatus.Stale);
    const late = { sequence: sequence - 1 };
    expect(tool.ask(OPERATIONS.BlobDrop, { id: first.answer.id }, late).status).toBe(WireStatus.Stale);
    expect(tool.host().blobs).toBe(1);
    expect(tool.ask(OPERATIONS.BlobDrop, { id: first.answer.id }).status).toBe(0);
  });

  it("survive garbage, cut frames, replays, and frames whose body is random", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const before = holdings(tool);
    const numbers = Object.values(OPERATIONS).map(({ number }) => number);
    // Not those that end the machine or the session.
    const calm = numbers.filter((number) => number !== 60 && number !== 2 && number !== 1);
    const frame = fc
      .record({
        operation: fc.oneof(fc.constantFrom(...calm), fc.integer({ min: 62, max: 0xffff })),
        sequence: fc.oneof(fc.nat({ max: 50 }), fc.integer({ min: 0, max: 0xffffffff })),
        session: fc.constantFrom(0x1234, 0x1234, 0x1234, 5),
        words: fc.array(fc.oneof(fc.nat({ max: 8 }), fc.integer({ min: 0, max: 0xffffffff })), { maxLength: 40 }),
        cut: fc.nat({ max: 7 }),
      })
      .map(({ words, cut, ...fields }) => {
        const body = new Uint8Array(Uint32Array.from(words).buffer);
        return encodeFrame({ kind: 1, body: body.subarray(0, Math.max(0, body.length - cut)), ...fields });
      });
    const part = fc.oneof(
      frame,
      frame.map((bytes) => bytes.subarray(0, bytes.length >> 1)),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        for (const bytes of parts) tool.raw(bytes);
        tool.raw(Uint8Array.of(0));
        const other = new Toolstack(machine, 0x1234);
        expect(other.ask(OPERATIONS.Poll, {}, { sequence: 0xabcdef }).frame.body.length).toBeLessThanOrEqual(4096);
        // Whatever it did to a guest is undone for the next round.
        tool.pump();
      }),
      { numRuns: 60 },
    );
    tool.hello(4711);
    tool.wait(SECOND / 10n);
    expect(tool.host().blobs).toBe(before.blobs);
    expect(tool.host().memoryFree).toBeGreaterThanOrEqual(before.memoryFree);
    expect(machine.console).not.toMatch(/hypervisor fault|check failed/i);
  });
});

describe("guests", () => {
  it("are listed with their vCPUs, exits, and registers of a paused one", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const { records } = tool.ask(OPERATIONS.Guests, { from: 0 });
    expect(records.map(({ name, state, maxVcpus }) => [name, state, maxVcpus])).toEqual([
      ["one", WireState.Running, 1],
      ["two", WireState.Running, 1],
    ]);
    expect(records[0]).toMatchObject({ memory: BigInt(64 * MIB), ramBase: 0x80000000n, wanted: 0, consoleEnd: 0 });
    expect(tool.ask(OPERATIONS.Guests, { from: 1 }).records.length).toBe(1);
    expect(tool.ask(OPERATIONS.Guests, { from: 0xffffffff }).records.length).toBe(0);
    const [vcpu] = tool.ask(OPERATIONS.Vcpus, { guest: 0 }).records;
    expect(vcpu).toMatchObject({ index: 0, policy: 0, paused: 0 });
    expect(vcpu?.runTime).toBeGreaterThan(0n);
    expect(tool.ask(OPERATIONS.GuestAction, { guest: 0, action: WireAction.Pause }).status).toBe(0);
    tool.wait(SECOND / 100n);
    expect(tool.ask(OPERATIONS.Guests, {}).records[0]?.state).toBe(WireState.Paused);
    const { records: exits } = tool.ask(OPERATIONS.Exits, { guest: 0 });
    expect(exits.length).toBe(20);
    const total = tool.ask(OPERATIONS.Vcpus, { guest: 0 }).records[0]?.exits;
    expect(exits.reduce((sum, { count }) => sum + count, 0n)).toBe(total);
    const { records: registers } = tool.ask(OPERATIONS.Registers, { guest: 0 });
    const names = registers.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["ra", "sp", "t6", "pc", "vsatp", "vstvec", "timer"]));
    expect(registers.find(({ name }) => name === "pc")?.value).toBeGreaterThanOrEqual(0x80000000n);
    expect(tool.ask(OPERATIONS.MemoryRead, { guest: 0, gpa: 0x80000000n, length: 64 }).bytes.length).toBe(64);
    expect(tool.ask(OPERATIONS.MemoryRead, { guest: 0, gpa: 0x80000000n - 1n, length: 64 }).status).toBe(-4);
    expect(tool.ask(OPERATIONS.MemoryRead, { guest: 0, gpa: 0x84000000n - 63n, length: 64 }).status).toBe(-4);
    expect(tool.ask(OPERATIONS.MemoryRead, { guest: 0, gpa: 0x80000000n, length: 4097 }).status).toBe(-4);
  });

  it("that are not there are not found: any index, any stale handle", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    for (const guest of [2, 63, 64, 0xffff, 0xffffffff]) {
      for (const operation of [
        OPERATIONS.Vcpus,
        OPERATIONS.Exits,
        OPERATIONS.Registers,
        OPERATIONS.Crash,
        OPERATIONS.Write,
      ])
        expect(tool.ask(operation, { guest }).status, operation.name).toBe(WireStatus.NotFound);
      expect(tool.ask(OPERATIONS.GuestAction, { guest, action: 1 }).status).toBe(WireStatus.NotFound);
    }
    expect(tool.ask(OPERATIONS.Exits, { guest: 0, vcpu: 1 }).status).toBe(WireStatus.NotFound);
    expect(tool.ask(OPERATIONS.GuestAction, { guest: 0, action: 9 }).status).toBe(WireStatus.Unsupported);
    expect(tool.ask(OPERATIONS.Crash, { guest: 0, generation: 55 }).status).toBe(WireStatus.NotFound);
    expect(tool.ask(OPERATIONS.Crash, { guest: 0 }).answer.reason).toBe(0);
  });

  it("go when they are to, with everything that they had, and the events tell", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const [guest] = tool.ask(OPERATIONS.Guests, {}).records;
    const before = holdings(tool);
    const position = tool.ask(OPERATIONS.Poll, {}).answer.events;
    const handle = { guest: 0, generation: guest?.generation ?? 0, action: WireAction.Destroy };
    expect(tool.ask(OPERATIONS.GuestAction, handle).status).toBe(0);
    tool.wait(SECOND);
    expect(tool.ask(OPERATIONS.Guests, {}).records.map(({ id }) => id)).toEqual([1]);
    const after = holdings(tool);
    expect(after.guests).toBe(1);
    expect(after.entities).toBe(before.entities - 1);
    expect(after.memoryFree).toBe(before.memoryFree + BigInt(64 * MIB));
    expect(after.tablesFree).toBeGreaterThan(before.tablesFree);
    const events = tool.ask(OPERATIONS.Read, { stream: WireStream.Events, position, most: 4096 });
    expect(events.bytes.length).toBeGreaterThanOrEqual(64);
    expect(events.answer.end).toBe(position + events.bytes.length);
    const kinds = Array.from({ length: events.bytes.length / 32 }, (_, at) => events.bytes[at * 32 + 8]);
    expect(kinds).toContain(3);
    expect(tool.ask(OPERATIONS.GuestAction, handle).status).toBe(WireStatus.NotFound);
    machine.check(["one"]);
  });
});

describe("consoles", () => {
  it("are read by position, as often as wanted, and say what came before and was lost", async () => {
    const words: Uint8Array[] = [latin("hello, world\n")];
    const machine = await channelMachine({ domains: [domain("one", speaker(words))] });
    const tool = new Toolstack(machine);
    tool.hello();
    tool.wait(SECOND / 100n);
    const { answer, bytes } = tool.read(0, 0);
    expect(textOf(bytes)).toBe("hello, world\n");
    expect(answer).toMatchObject({ position: 0, end: 13, lost: 0 });
    expect(textOf(tool.read(0, 7).bytes)).toBe("world\n");
    expect(textOf(tool.read(0, 7, 3).bytes)).toBe("wor");
    expect(tool.read(0, 13).bytes.length).toBe(0);
    // A position that never was begins at the oldest byte.
    expect(tool.read(0, 0x80000000).answer.position).toBe(0);
    const [info] = tool.ask(OPERATIONS.Guests, {}).records;
    expect(info).toMatchObject({ consoleOut: 13n, consoleEnd: 13, consoleLost: 0n });
    expect(tool.read(1, 0).status).toBe(WireStatus.NotFound);
    expect(machine.console).toContain("[one] hello, world");
  });

  it("that are followed lose nothing, however slowly: the guest waits; when nobody follows it goes on", async () => {
    const all = pattern(60_000, 7).map((byte) => 0x20 + (byte % 64));
    let begun = false;
    const flood = program({
      *boot() {
        while (!begun) yield* compute(PATIENCE);
        yield* sayFast(0x81000000n, all);
        yield* sleep();
      },
    });
    const machine = await channelMachine({ domains: [domain("one", flood)] });
    const tool = new Toolstack(machine);
    tool.hello();
    tool.read(0, 0);
    begun = true;
    let position = 0;
    const got: Uint8Array[] = [];
    for (let round = 0; round < 8; round++) {
      tool.wait(SECOND / 4n);
      const { answer, bytes } = tool.read(0, position, 3000);
      expect(answer.position).toBe(position);
      expect(answer.end - position).toBeLessThanOrEqual(16384);
      got.push(bytes);
      position += bytes.length;
    }
    expect(position).toBe(24_000);
    expect(Buffer.concat(got).equals(Buffer.from(all.subarray(0, position)))).toBe(true);
    expect(tool.ask(OPERATIONS.Guests, {}).records[0]).toMatchObject({ consoleLost: 0n });
    // Nobody reads any more: five seconds later the guest is let go on.
    const held = tool.ask(OPERATIONS.Guests, {}).records[0]?.consoleEnd ?? 0;
    expect(held).toBeLessThanOrEqual(position + 16384);
    for (let second = 0; second < 8; second++) {
      tool.ask(OPERATIONS.Poll, {});
      tool.wait(SECOND);
    }
    expect(tool.ask(OPERATIONS.Guests, {}).records[0]?.consoleEnd ?? 0).toBeGreaterThan(held);
  }, 60_000);

  it("take input once, from the position where it begins, as much as fits", async () => {
    const heard: number[] = [];
    let listening = false;
    const listener = program({
      *boot(cpu) {
        const uart = yield* uartOf(cpu);
        for (;;) {
          const byte = listening ? yield* hear(uart) : -1;
          if (byte >= 0) heard.push(byte);
          else yield* compute(PATIENCE);
        }
      },
    });
    const machine = await channelMachine({ domains: [domain("one", listener)] });
    const tool = new Toolstack(machine);
    tool.hello();
    const write = (position: number, text: string) =>
      tool.ask(OPERATIONS.Write, { guest: 0, position }, { tail: latin(text) }).answer;
    expect(write(0, "hello")).toEqual({ position: 5, room: 1019 });
    expect(write(0, "hello")).toMatchObject({ position: 5 });
    expect(write(3, "lo, wo")).toMatchObject({ position: 9 });
    expect(write(20, "too far")).toMatchObject({ position: 9 });
    expect(write(9, "x".repeat(2000))).toEqual({ position: 1024, room: 0 });
    listening = true;
    tool.wait(SECOND / 10n);
    expect(textOf(Uint8Array.from(heard))).toBe(`hello, wo${"x".repeat(1015)}`);
    expect(write(1024, "!")).toEqual({ position: 1025, room: 1023 });
    expect(tool.ask(OPERATIONS.Guests, {}).records[0]).toMatchObject({ consoleIn: 1025n, consoleInput: 1025 });
  });

  it("give notice once, and again when the toolstack has looked", async () => {
    const words: Uint8Array[] = [];
    const machine = await channelMachine({ domains: [domain("one", speaker(words)), domain("two", speaker([]))] });
    machine.runUntil(() => machine.guests.every(({ log }) => log.includes("up")));
    const tool = new Toolstack(machine);
    tool.wait(SECOND);
    expect(tool.frames.length).toBe(0);
    tool.hello();
    tool.wait(SECOND);
    const before = tool.notices.length;
    expect(before).toBeLessThanOrEqual(1);
    const { answer } = tool.ask(OPERATIONS.Poll, {});
    expect(answer.consoles).toBe(0n);
    words.push(latin("one line\n"), latin("and another\n"));
    tool.wait(SECOND);
    expect(tool.notices.length).toBe(before + 1);
    expect(tool.notices.at(-1)?.consoles).toBe(1n);
    words.push(latin("more\n"));
    tool.wait(SECOND);
    expect(tool.notices.length).toBe(before + 1);
    // What it reads now is known: only what comes later is news.
    tool.read(0, 0);
    tool.wait(SECOND);
    expect(tool.notices.length).toBe(before + 1);
    words.push(latin("even more\n"));
    tool.wait(SECOND);
    expect(tool.notices.length).toBe(before + 2);
  });

  it("and the log are read over the UART, too, while people see nothing of it", async () => {
    const words: Uint8Array[] = [latin("over one line\n")];
    const machine = await channelMachine({ channel: "none", domains: [domain("one", speaker(words))] });
    machine.runUntil(() => machine.console.includes("over one line"));
    const tool = new Toolstack(machine, 5, "uart");
    expect(tool.hello().status).toBe(0);
    expect(textOf(tool.read(0, 0).bytes)).toBe("over one line\n");
    const log = tool.ask(OPERATIONS.Read, { stream: WireStream.Log, position: 0, most: 4096 });
    expect(textOf(log.bytes)).toContain("TypeOne");
    expect(tool.ask(OPERATIONS.Bye, {}).status).toBe(0);
    machine.runUntil(() => machine.console.endsWith("typeone> "));
  });
});

describe("the machine", () => {
  it("powers off when it is told, after the answer", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    expect(tool.ask(OPERATIONS.HostAction, { action: 1 }).status).toBe(0);
    expect(machine.run(() => false, { maxTime: SECOND })).toBe("ended");
  });

  it("lists harts, memory that adds up, and interrupts", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const { records: harts } = tool.ask(OPERATIONS.Harts, {});
    expect(harts.map(({ index, online }) => [index, online])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    const info = tool.host();
    const { records: runs } = tool.ask(OPERATIONS.Memory, {});
    const sum = (owner: number) => runs.filter((run) => run.owner === owner).reduce((all, { size }) => all + size, 0n);
    expect(sum(0)).toBe(info.memoryFree);
    expect(sum(1)).toBe(BigInt(128 * MIB));
    expect(sum(0) + sum(1) + sum(2) + sum(3)).toBe(info.memoryTotal);
    expect(tool.ask(OPERATIONS.Memory, { from: 1 }).records).toEqual(runs.slice(1));
    expect(tool.ask(OPERATIONS.Irqs, {}).records.length).toBeGreaterThanOrEqual(2);
    expect(tool.ask(OPERATIONS.TraceControl, { mask: 1 }).status).toBe(WireStatus.Invalid);
    expect(tool.ask(OPERATIONS.TraceControl, { mask: 2 }).status).toBe(0);
    tool.wait(SECOND / 100n);
    const trace = tool.ask(OPERATIONS.Read, { stream: WireStream.Trace, index: 0, most: 4096 });
    expect(trace.bytes.length % 32).toBe(0);
    expect(tool.ask(OPERATIONS.Read, { stream: WireStream.Trace, index: 2 }).status).toBe(WireStatus.NotFound);
    expect(tool.ask(OPERATIONS.Read, { stream: 9 }).status).toBe(WireStatus.Invalid);
  });
});
