// SPDX-License-Identifier: Apache-2.0
// What meets in a guest's life: a reset while it is still loading, two vCPUs that end it at once, faults of the hypervisor
// while its worker clears a guest, a look at memory that is about to go.
import { FdtTree, serialize, u64 } from "@typeone/fdt";
import { OPERATIONS, WireAction, WireState, WireStatus } from "@typeone/protocol";
import {
  compute,
  CoreFault,
  type Cpu,
  CSR,
  csrRead,
  ecall,
  EID,
  enableInterrupts,
  Machine,
  program,
  useTraps,
} from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { channelMachine, pattern, Toolstack, upload } from "./channel-support.ts";
import { domain, machineWith, MIB, sleep, waitFor } from "./support.ts";

function counting() {
  const count = { beats: 0, boots: 0 };
  const guest = program({
    *boot() {
      count.boots++;
      for (;;) {
        count.beats++;
        yield* compute(50);
      }
    },
  });
  return { count, guest };
}

const act = (tool: Toolstack, guest: number, action: number) => tool.ask(OPERATIONS.GuestAction, { guest, action });
const infoOf = (tool: Toolstack, id: number) =>
  tool.ask(OPERATIONS.Guests, {}).records.find((record) => record.id === id);

describe("a guest whose kernel lies in its place", { timeout: 60_000 }, () => {
  it.each(["reset", "power off"] as const)("is loaded in full after a %s that comes while it loads", async (what) => {
    const { count, guest } = counting();
    const hpa = 0xa000_0000;
    const staticMemory = { hpa, size: 64 * MIB };
    const domains = [domain("placed", guest, { staticMemory, ramdisk: pattern(16 * MIB) })];
    const { tree } = await Machine.create({ channel: "modern", domains });
    const module = [...tree.nodes()].find(({ name }) => name.startsWith("module@"));
    module?.set("typeone,preloaded", true);
    const machine = await Machine.create({ channel: "modern", domains, harts: 1, tree: serialize(tree) });
    const [kernel] = machine.modules;
    machine.ram.write(hpa + 2 * MIB, machine.ram.read(kernel?.hpa ?? 0, kernel?.size ?? 0));
    const tool = new Toolstack(machine);
    const seen: string[] = [];
    machine.gate.onImport = (name) => {
      if (name !== "copyAcross" && name !== "clear") return;
      seen.push(name);
      // Part of the ramdisk is in place: the toolstack has its turn.
      if (seen.length === 2) tool.send(OPERATIONS.Hello, { version: 1 });
      const action = what === "reset" ? WireAction.Reset : WireAction.PowerOff;
      if (seen.length === 4) tool.send(OPERATIONS.GuestAction, { guest: 0, action });
    };
    machine.boot();
    if (what === "power off") {
      machine.run(() => false, { maxSteps: 3000 });
      tool.hello(77);
      expect(infoOf(tool, 0)?.state).toBe(WireState.Shutdown);
      expect(act(tool, 0, WireAction.Start).status).toBe(0);
    }
    machine.run(() => count.beats > 5, { maxSteps: 20_000 });
    expect(seen).toContain("clear");
    expect(count.boots).toBe(1);
    machine.check();
  });
});

describe("a guest of high priority", () => {
  it("is not kept waiting while another one's memory is cleared", async () => {
    let last = 0n;
    let longest = 0n;
    const urgent = program({
      *boot(cpu) {
        yield* enableInterrupts(cpu, 0x20n);
        for (let beat = 0; ; beat++) {
          const time = (yield* csrRead(CSR.time)) & ((1n << 64n) - 1n);
          if (last !== 0n && time - last > longest) longest = time - last;
          last = time;
          yield* ecall(EID.time, 0n, time + 200n);
          yield* waitFor(() => cpu.taken(5) > beat);
        }
      },
      *onInterrupt() {
        yield* ecall(EID.time, 0n, (1n << 64n) - 1n);
      },
    });
    const { count, guest } = counting();
    const domains = [
      domain("urgent", urgent, { properties: { "typeone,priority": 7 } }),
      domain("big", guest, { memoryKiB: 512 * 1024 }),
    ];
    const machine = await channelMachine({ harts: 1, domains });
    machine.runUntil(() => count.beats > 3 && last !== 0n);
    const tool = new Toolstack(machine);
    tool.hello();
    let cleared = 0;
    machine.gate.onImport = (name) => {
      if (name !== "clear") return;
      cleared++;
      machine.time += 2000n;
    };
    longest = 0n;
    act(tool, 1, WireAction.Destroy);
    tool.wait(2_000_000n);
    expect(cleared).toBe(256);
    expect(longest).toBeLessThan(10_000n);
    expect(infoOf(tool, 1)).toBeUndefined();
  });
});

describe("two vCPUs that restart their guest at once", { timeout: 60_000 }, () => {
  it("are one restart, at whatever point of the first the second comes", async () => {
    let met = 0;
    for (let ordinal = 0; ordinal < 40; ordinal++) {
      const calls = { made: 0, lives: 0 };
      const made = (): number => calls.made;
      function* other(): Generator<never, void, never> {
        yield* end() as Generator<never, void, never>;
      }
      function* end() {
        for (let i = 0; i < 20; i++) yield* compute(10);
        if (calls.lives === 1) {
          calls.made++;
          yield* ecall(EID.srst, 0n, 1n, 0n);
        }
        yield* sleep();
      }
      const guest = program({
        *boot(cpu: Cpu) {
          yield* useTraps(cpu);
          calls.lives++;
          if (calls.lives === 1) yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(other), 0n);
          yield* end();
        },
        routines: [other],
      });
      const machine = await machineWith(
        [domain("one", guest, { cpus: 2, properties: { "typeone,restart-limit": 1 } })],
        {
          harts: 2,
        },
      );
      machine.gate.onImport = (_name, at, hart) => {
        if (calls.made !== 1 || at !== ordinal || machine.gate.locks.count > 0) return;
        if (hart.csrs.read(CSR.scause) !== 10n) return;
        const second = machine.harts.find((each) => each !== hart);
        for (let i = 0; second && i < 60 && calls.made === 1; i++) {
          if (machine.canAct(second)) machine.stepHart(second);
          else machine.time += 10n;
        }
        for (let i = 0; second && i < 3 && made() === 2; i++) if (machine.canAct(second)) machine.stepHart(second);
        if (made() === 2) met++;
      };
      machine.run(() => calls.lives === 2, { maxSteps: 4000 });
      machine.gate.onImport = null;
      expect(machine.console).not.toMatch(/stays down/);
      expect(calls.lives).toBe(2);
      machine.check();
    }
    expect(met).toBeGreaterThan(2);
  });
});

/** Two guests on one hart; the hypervisor faults at each `clear` of the first one's memory. */
async function faultyClearing() {
  const [one, two] = [counting(), counting()];
  const machine = await channelMachine({ harts: 1, domains: [domain("one", one.guest), domain("two", two.guest)] });
  machine.runUntil(() => one.count.beats > 3 && two.count.beats > 3);
  const tool = new Toolstack(machine);
  tool.hello();
  machine.gate.containFaults = true;
  const state = { faults: 0, armed: true };
  machine.gate.onImport = (name) => {
    if (name !== "clear" || !state.armed) return;
    state.faults++;
    throw new CoreFault("injected", 5n, 0xbadn);
  };
  return { machine, tool, state, neighbour: two.count };
}

describe("a fault while a guest is cleared", () => {
  it("does not come back for ever, and when it is over the guest can go", async () => {
    const { machine, tool, state, neighbour } = await faultyClearing();
    act(tool, 0, WireAction.Destroy);
    const before = neighbour.beats;
    machine.runUntil(() => neighbour.beats > before + 50, { maxSteps: 5000 });
    expect(state.faults).toBeGreaterThan(0);
    expect(state.faults).toBeLessThan(4);
    expect(infoOf(tool, 0)).toMatchObject({ state: WireState.Crashed, wanted: 0 });
    state.armed = false;
    expect(act(tool, 0, WireAction.Destroy).status).toBe(0);
    tool.wait(100_000n);
    expect(infoOf(tool, 0)).toBeUndefined();
    machine.check(["one"]);
  });

  it("leaves a record without anything of the guest whose registers the hart had", async () => {
    const { tool } = await faultyClearing();
    act(tool, 0, WireAction.Reset);
    tool.wait(50_000n);
    const { answer } = tool.ask(OPERATIONS.Crash, { guest: 0 });
    expect(answer.reason).toBe(2);
    expect(answer.pc).toBe(0n);
    expect(answer.trail).toBe(0);
    const { records } = tool.ask(OPERATIONS.CrashRegisters, { guest: 0 });
    expect(records.filter(({ value }) => value !== 0n)).toEqual([]);
  });
});

it("memory that a guest is about to lose is not looked at", async () => {
  const one = counting();
  const machine = await channelMachine({ harts: 1, domains: [domain("one", one.guest)] });
  machine.runUntil(() => one.count.beats > 3);
  const tool = new Toolstack(machine);
  tool.hello();
  const look = { guest: 0, gpa: 0x8020_0000n, length: 64 };
  expect(tool.ask(OPERATIONS.MemoryRead, look).status).toBe(0);
  let asked = 0;
  let cleared = 0;
  machine.gate.onImport = (name) => {
    if (name === "clear" && ++cleared === 2) asked = tool.send(OPERATIONS.MemoryRead, look);
  };
  act(tool, 0, WireAction.PowerOff);
  tool.wait(100_000n);
  const answer = tool.frames.find(({ kind, sequence }) => kind === 2 && sequence === asked);
  expect(answer?.status).toBe(WireStatus.Invalid);
});

it("a name is somebody's however it is written", async () => {
  const one = counting();
  const machine = await channelMachine({ domains: [domain("web@1", one.guest)] });
  machine.runUntil(() => one.count.beats > 3);
  const tool = new Toolstack(machine);
  tool.hello();
  expect(infoOf(tool, 0)?.name).toBe("web-1");
  const tree = new FdtTree();
  tree.root.assign({ compatible: "xen,domain", memory: u64(8192n), cpus: 1, "typeone,name": "web@1" });
  tree.ensure("/kernel").assign({ compatible: "multiboot,kernel" });
  const description = upload(tool, serialize(tree));
  const kernel = upload(tool, pattern(100));
  expect(tool.ask(OPERATIONS.Create, { description, kernel }).status).toBe(WireStatus.Exists);
});
