// SPDX-License-Identifier: Apache-2.0
// One vCPU at run time: paused it makes no step and loses no interrupt, moved it never runs where it may not, and after
// any mixture of requests, of its guest's and its own, everybody goes on. Under many schedules, harts interleaved.
import {
  compute,
  type Cpu,
  CSR,
  csrRead,
  ecall,
  EID,
  enableInterrupts,
  type GuestCode,
  type Machine,
  program,
} from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { domain, machineWith, waitFor } from "./support.ts";
import { ask, askJson, wait } from "./typing.ts";

const NEVER = (1n << 64n) - 1n;

/** vCPUs that count: even ones compute, odd ones sleep until their timer. */
function beating(cpus: number) {
  const beats = Array.from({ length: cpus }, () => 0);
  function* beat(cpu: Cpu): GuestCode {
    yield* enableInterrupts(cpu, 0x22n);
    if (cpu.hart === 0)
      for (let other = 1; other < cpus; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(beat), 0n);
    for (;;) {
      beats[cpu.hart] = (beats[cpu.hart] ?? 0) + 1;
      if (cpu.hart % 2 === 0) {
        yield* compute(20);
        continue;
      }
      const taken = cpu.taken(5);
      yield* ecall(EID.time, 0n, (yield* csrRead(CSR.time)) + 50n);
      yield* waitFor(() => cpu.taken(5) > taken);
    }
  }
  function* onInterrupt(_cpu: Cpu, code: number): GuestCode {
    if (code === 5) yield* ecall(EID.time, 0n, NEVER);
  }
  return { beats, program: program({ boot: beat, routines: [beat], onInterrupt }) };
}

async function beatingMachine(seed: number, harts: number) {
  const alpha = beating(3);
  const beta = beating(1);
  const machine = await machineWith([domain("alpha", alpha.program, { cpus: 3 }), domain("beta", beta.program)], {
    harts,
    seed,
    sstc: seed % 2 === 0,
    interleave: 0.01,
    // So that the hypervisor's own workers have their share within a test.
    chosen: { "typeone,slice-us": 20 },
  });
  machine.runUntil(() => [...alpha.beats, ...beta.beats].every((count) => count > 3));
  return { machine, alpha: alpha.beats, beta: beta.beats };
}

/** Whether every counter moves within `steps`. */
function allMove(machine: Machine, counters: readonly number[][], steps = 60_000): void {
  const before = counters.map((each) => [...each]);
  const moved = (): boolean => counters.every((each, i) => each.every((count, j) => count > (before[i]?.[j] ?? 0) + 2));
  machine.runUntil(moved, { maxSteps: steps });
}

/** Host harts on which a vCPU of alpha was seen during `steps`. */
function hartsOf(machine: Machine, index: number, steps: number): number[] {
  const seen = new Set<number>();
  const vcpu = [...machine.vcpus.values()].find(({ cpu }) => cpu?.guest.name === "alpha" && cpu.hart === index);
  machine.run(
    () => {
      if (vcpu && vcpu.hart >= 0) seen.add(vcpu.hart);
      return false;
    },
    { maxSteps: steps },
  );
  return [...seen].sort();
}

/** A vCPU is not resumed before its hart has let go of it. */
function resume(machine: Machine, vcpu: string): void {
  for (let i = 0; i < 10; i++) {
    const [answer = ""] = ask(machine, `vcpu resume ${vcpu}`).slice(-1);
    if (!answer.includes("something else")) return;
    wait(machine, 200);
  }
  throw new Error(`${vcpu} is never off its hart`);
}

const schedules = [1, 2, 3].flatMap((harts) => [1, 2, 3, 4].map((seed) => ({ harts, seed })));

describe("a vCPU at run time", { timeout: 120_000 }, () => {
  it.each(schedules)("stands still and goes on, $harts harts, schedule $seed", async ({ harts, seed }) => {
    const { machine, alpha, beta } = await beatingMachine(seed, harts);
    for (const index of [0, 1]) {
      expect(ask(machine, `vcpu pause alpha ${index}`)).toEqual([`alpha/${index}: done`]);
      expect(ask(machine, `vcpu pause alpha ${index}`)).toEqual([`alpha/${index}: done`]);
      wait(machine, 500);
      const before = alpha[index];
      const others = [alpha.filter((_, i) => i !== index), beta];
      wait(machine, 4000);
      expect(alpha[index]).toBe(before);
      expect(others[1]?.every((count, i) => (beta[i] ?? 0) >= count)).toBe(true);
      expect(askJson(machine, "vcpu list alpha")[index]).toMatchObject({ vcpu: index, state: "paused" });
      resume(machine, `alpha ${index}`);
      expect(ask(machine, `vcpu resume alpha ${index}`)).toEqual([`alpha/${index}: it is not in a state for that`]);
      allMove(machine, [alpha, beta]);
    }
    machine.check();
  });

  it.each(schedules.filter(({ harts }) => harts > 1))(
    "moves off a hart that it may not use, $harts harts, schedule $seed",
    async ({ harts, seed }) => {
      const { machine, alpha, beta } = await beatingMachine(seed, harts);
      for (let round = 0; round < 4; round++) {
        for (const index of [0, 1]) {
          const only = (round + index) % harts;
          expect(ask(machine, `vcpu set_affinity alpha ${index} ${only}`)).toEqual([`alpha/${index}: done`]);
          wait(machine, 300);
          expect(hartsOf(machine, index, 3000)).toEqual([only]);
        }
      }
      allMove(machine, [alpha, beta]);
      machine.check();
    },
  );

  it("a lone busy vCPU, which has its hart to itself, moves too", async () => {
    const alpha = beating(1);
    const machine = await machineWith([domain("alpha", alpha.program)], { harts: 2 });
    machine.runUntil(() => (alpha.beats[0] ?? 0) > 3);
    for (const hart of [1, 0, 1]) {
      ask(machine, `vcpu set_affinity alpha 0 ${hart}`);
      wait(machine, 300);
      expect(hartsOf(machine, 0, 1000)).toEqual([hart]);
    }
    expect(ask(machine, "vcpu set_affinity alpha 0 2-15")).toEqual(["alpha/0: there is nothing like that"]);
  });

  it("gets the share that its weight and its priority say", async () => {
    const alpha = beating(1);
    const beta = beating(1);
    const machine = await machineWith([domain("alpha", alpha.program), domain("beta", beta.program)], {
      harts: 1,
      chosen: { "typeone,slice-us": 20 },
    });
    const ran = (): number[] => askJson(machine, "vcpu list").map(({ runTime }) => Number(runTime));
    const ratio = (): number => {
      wait(machine, 1000);
      const before = ran();
      wait(machine, 20_000);
      const [first = 0, second = 0] = ran().map((time, i) => time - (before[i] ?? 0));
      return first / second;
    };
    expect(ratio()).toBeCloseTo(1, 0);
    ask(machine, "vcpu set_weight alpha 0 1024");
    // First it makes up for what it was behind by its old weight.
    ratio();
    const weighted = ratio();
    expect(weighted).toBeGreaterThan(3);
    expect(weighted).toBeLessThan(5);
    ask(machine, "vcpu set_priority beta 0 7");
    expect(ratio()).toBeLessThan(0.2);
    ask(machine, "vcpu set_priority alpha 0 7");
    expect(ratio()).toBeGreaterThan(3);
  });

  it("a restart of the guest ends the pause", async () => {
    const { machine, alpha, beta } = await beatingMachine(1, 2);
    ask(machine, "vcpu pause alpha 0");
    ask(machine, "guest reset alpha");
    for (let i = 0; i < 100 && askJson(machine, "guest list")[0]?.["restarts"] !== 1; i++) wait(machine, 1000);
    expect(askJson(machine, "vcpu list alpha")[0]?.["state"]).not.toBe("paused");
    allMove(machine, [alpha, beta]);
    machine.check();
  });

  it.each([1, 2, 3, 4, 5, 6, 55, 85])("any mixture of requests leaves everybody going, schedule %d", async (seed) => {
    const { machine, alpha, beta } = await beatingMachine(seed, 1 + (seed % 3));
    const requests = [
      ...[0, 1, 2].flatMap((index) => [`vcpu pause alpha ${index}`, `vcpu resume alpha ${index}`]),
      ...[0, 1, 2].map((index) => `vcpu set_affinity alpha ${index} ${index % machine.harts.length}`),
      ...[0, 1].map((index) => `vcpu set_priority alpha ${index} ${2 + index}`),
      "vcpu set_weight alpha 0 1000",
      "guest pause alpha",
      "guest resume alpha",
      "guest kick alpha",
    ];
    for (let i = 0; i < 60; i++) {
      ask(machine, machine.random.pick(requests));
      wait(machine, machine.random.pick([0, 20, 300]));
    }
    wait(machine, 500);
    ask(machine, "guest resume alpha");
    for (const index of [0, 1, 2]) {
      resume(machine, `alpha ${index}`);
      ask(machine, `vcpu set_priority alpha ${index} 3`);
    }
    allMove(machine, [alpha, beta], 200_000);
    machine.check();
  });
});
