// SPDX-License-Identifier: Apache-2.0
// A session at the bare serial line, on the whole core: what a person types and what then stands on the screen, while
// two guests run.
import { serialize } from "@typeone/fdt";
import { compute, Machine, program, useTraps } from "@typeone/sim";
import { beforeEach, expect, it } from "vitest";
import { domain, machineWith, memoryOf, readTree } from "./support.ts";
import { PROMPT, screenOf } from "./screen.ts";
import { ask, askJson, wait } from "./typing.ts";

let machine: Machine;
let beats: number;
let base: bigint;

beforeEach(async () => {
  beats = 0;
  const alpha = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      base = memoryOf(yield* readTree(cpu)).base;
      for (;;) {
        beats++;
        yield* compute(20);
      }
    },
  });
  const beta = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      for (;;) yield* compute(50);
    },
  });
  machine = await machineWith([domain("alpha", alpha, { cpus: 2 }), domain("beta", beta, { memoryKiB: 32 * 1024 })]);
  machine.runUntil(() => beats > 5);
});

const states = (): unknown[] => askJson(machine, "guest list").map(({ guest, state }) => [guest, state]);

it("steers guests through their lives", () => {
  expect(states()).toEqual([
    ["alpha", "running"],
    ["beta", "running"],
  ]);
  expect(ask(machine, "guest pause alpha")).toEqual(["alpha: done"]);
  wait(machine, 1000);
  const before = beats;
  wait(machine, 1000);
  expect(beats).toBe(before);
  expect(states()[0]).toEqual(["alpha", "paused"]);
  ask(machine, "guest resume alpha");
  machine.runUntil(() => beats > before + 3);
  expect(ask(machine, "guest kick alpha")).toEqual(["alpha: done"]);
  expect(ask(machine, "guest create alpha").join("\n")).toMatch(/alpha: there is a guest of that name/);
  ask(machine, "guest destroy alpha");
  machine.runUntil(() => states().length === 1, { maxSteps: 100_000 });
  expect(ask(machine, "guest stats alpha")).toEqual(["there is no guest alpha; guest list shows them"]);
  expect(ask(machine, "guest create nobody").join("\n")).toMatch(/nobody: .*describes no guest of that name/);
  const destroyed = beats;
  expect(ask(machine, "guest create alpha")).toContain("alpha: done");
  machine.runUntil(() => beats > destroyed + 3);
  machine.check();
});

it("creates a guest anew whose kernel lay in its place at boot only", async () => {
  let boots = 0;
  const kernel = program({
    *boot() {
      boots++;
      for (;;) yield* compute(50);
    },
  });
  const hpa = 0xa000_0000;
  const domains = [domain("placed", kernel, { staticMemory: { hpa, size: 64 * 1024 * 1024 } })];
  const { tree } = await Machine.create({ domains });
  const module = [...tree.nodes()].find(({ name }) => name.startsWith("module@"));
  module?.set("typeone,preloaded", true);
  const placed = await Machine.create({ domains, tree: serialize(tree) });
  const [pristine] = placed.modules;
  if (!pristine) throw new Error("there is no module");
  placed.ram.write(hpa + 0x20_0000, placed.ram.read(pristine.hpa, pristine.size));
  placed.boot().runUntil(() => boots === 1);
  ask(placed, "guest destroy placed");
  placed.runUntil(() => ask(placed, "guest list").length === 0, { maxSteps: 100_000 });
  expect(ask(placed, "guest create placed")).toContain("placed: done");
  placed.runUntil(() => boots === 2);
  placed.check();
});

it("shows what the machine and its guests do", () => {
  const ram = askJson(machine, "host ram");
  const sizes = (owner: string): number =>
    ram.filter((run) => run["owner"] === owner).reduce((sum, run) => sum + Number(run["sizeMiB"]), 0);
  expect([sizes("alpha"), sizes("beta")]).toEqual([64, 32]);
  expect(askJson(machine, "host irq")).toMatchObject([{ irq: 10, owner: "uart", hart: 0 }]);
  expect(askJson(machine, "vcpu list")).toMatchObject([
    { vcpu: 0, guest: "alpha" },
    { vcpu: 1, guest: "alpha", state: "off" },
    { vcpu: 0, guest: "beta" },
  ]);
  expect(askJson(machine, "vcpu list beta")).toHaveLength(1);
  ask(machine, "host stats");
  wait(machine, 2000);
  const stats = askJson(machine, "host stats");
  expect(stats.slice(0, 2)).toMatchObject([{ hart: 0 }, { hart: 1 }]);
  for (const { busyPercent } of stats.slice(0, 2)) expect(busyPercent).toBeGreaterThan(50);
  expect(askJson(machine, "sched").filter(({ policy }) => policy === "priority")).toHaveLength(3);
  expect(ask(machine, "devtree node show /cpus").join("\n")).toMatch(/timebase-frequency = <0x989680>;[^]*cpu@1 \{ \}/);
  expect(ask(machine, "memory dump 0x80000000 16")).toEqual([expect.stringMatching(/^that is (no RAM|reserved)/)]);
  expect(ask(machine, "memory dump 0x10000000 16")).toEqual(["that is no RAM of this host"]);
});

it("reads a guest's memory, and nothing beyond it", () => {
  const kernel = machine.modules[0];
  const [row] = askJson(machine, `guest dumpmem alpha 0x${(base + 0x20_0000n).toString(16)} 16`);
  const bytes = Buffer.from(String(row?.["bytes"]), "hex");
  expect(bytes).toHaveLength(16);
  expect(kernel).toBeDefined();
  const refused = ["that is no RAM of this guest, or something is being done with it"];
  expect(ask(machine, "guest dumpmem alpha 0 16")).toEqual(refused);
  const end = base + 64n * 0x10_0000n;
  expect(ask(machine, `guest dumpmem alpha ${end - 1n} 2`)).toEqual(refused);
  expect(ask(machine, `guest dumpmem alpha ${end - 1n} 1`)).toHaveLength(1);
  expect(ask(machine, "guest dumpmem alpha 0xffffffffffffffff 32")).toEqual(refused);
});

it("is edited, completed and recalled as people are used to", () => {
  const before = machine.console.length;
  machine.devices.uart.inject("gst st\u001b[D\u001b[D\u001b[D\u001b[D\u001b[Due\u001b[F\tal\t-j\r");
  machine.runUntil(() => machine.console.slice(before).endsWith(`\n${PROMPT}`));
  const lines = screenOf(machine.console.slice(before)).lines;
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({ guest: "alpha", state: "running" });
  machine.devices.uart.inject("\u001b[A");
  wait(machine, 1000);
  expect(screenOf(machine.console).lines.at(-1)).toBe(`${PROMPT}guest stats alpha -j`);
  machine.check();
});
