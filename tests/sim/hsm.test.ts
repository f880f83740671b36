// SPDX-License-Identifier: Apache-2.0
// HSM as a state machine: random commands from several vCPUs at once, against a plain model. Exactly one of two starts
// wins, a stopped hart comes back with power-on registers, and no state is ever one that the commands cannot explain.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cpu, CSR, csrWrite, ecall, EID, type GuestCode, pause, program, SBI, useTraps } from "@typeone/sim";
import { domain, machineWith, sleep } from "./support.ts";

const STOPPED = 1n;
const CPUS = 4;

type Command =
  | { readonly do: "start"; readonly target: number }
  | { readonly do: "status"; readonly target: number }
  | { readonly do: "stop" }
  | { readonly do: "pause" };

/** What really happened, in the order in which the guest's CPUs saw it. */
interface Seen {
  readonly cpu: number;
  readonly command: Command | { readonly do: "enter"; readonly opaque: bigint };
  readonly error: bigint;
  readonly value: bigint;
}

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("start" as const), target: fc.nat(CPUS - 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("status" as const), target: fc.nat(CPUS) }) },
  { weight: 1, arbitrary: fc.constant({ do: "stop" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "pause" as const }) },
);

async function play(scripts: readonly (readonly Command[])[], seed: number, harts: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  const left = scripts.map((script) => [...script]);
  function* act(cpu: Cpu): GuestCode {
    yield* useTraps(cpu);
    for (let next = left[cpu.hart]?.shift(); next; next = left[cpu.hart]?.shift()) {
      if (next.do === "pause") yield* pause();
      else if (next.do === "stop") {
        if (cpu.hart === 0) continue;
        seen.push({ cpu: cpu.hart, command: next, error: 0n, value: 0n });
        yield* ecall(EID.hsm, 1n);
        seen.push({ cpu: cpu.hart, command: next, error: 1n, value: 1n });
      } else {
        const args = next.do === "start" ? [next.target, cpu.addressOf(secondary), BigInt(seen.length)] : [next.target];
        const { error, value } = yield* ecall(EID.hsm, next.do === "start" ? 0n : 2n, ...args);
        seen.push({ cpu: cpu.hart, command: next, error, value });
      }
    }
    yield* sleep();
  }
  function* secondary(cpu: Cpu): GuestCode {
    seen.push({ cpu: cpu.hart, command: { do: "enter", opaque: cpu.opaque }, error: 0n, value: 0n });
    yield* act(cpu);
  }
  const machine = await machineWith([domain("hsm", program({ boot: act, routines: [secondary] }), { cpus: CPUS })], {
    harts,
    seed,
    interleave: 0.01,
  });
  const reason = machine.run(() => false, { maxSteps: 60_000, maxTime: 1_000_000n });
  expect(["quiet", "time"]).toContain(reason);
  machine.check();
  return seen;
}

describe("HSM", () => {
  it("behaves as the model for random concurrent commands", { timeout: 60_000 }, async () => {
    const scripts = fc.array(fc.array(command, { maxLength: 12 }), { minLength: CPUS, maxLength: CPUS });
    await fc.assert(
      fc.asyncProperty(scripts, fc.nat(1000), fc.integer({ min: 1, max: 4 }), async (plays, seed, harts) => {
        const seen = await play(plays, seed, harts);
        for (let cpu = 1; cpu < CPUS; cpu++) checkOne(seen, cpu);
        for (const { command: done, error } of seen) {
          if (done.do === "status" && done.target >= CPUS) expect(error).toBe(SBI.invalidParam);
          if (done.do === "start" && done.target === 0) expect(error).toBe(SBI.alreadyAvailable);
          expect(error === 1n, "hart_stop came back").toBe(false);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("lets exactly one of two starts win", async () => {
    const results: bigint[] = [];
    const guest = program({
      *boot(cpu) {
        for (const target of [1, 2]) yield* ecall(EID.hsm, 0n, target, cpu.addressOf(racer), 0n);
        yield* sleep();
      },
      routines: [racer, sleep],
    });
    function* racer(cpu: Cpu): GuestCode {
      for (let round = 0; round < cpu.hart; round++) yield* pause();
      results.push((yield* ecall(EID.hsm, 0n, 3n, cpu.addressOf(sleep), 0n)).error);
      yield* sleep();
    }
    for (let seed = 1; seed <= 20; seed++) {
      results.length = 0;
      const machine = await machineWith([domain("race", guest, { cpus: 4 })], { harts: 4, seed, interleave: 0.05 });
      machine.runUntil(() => results.length === 2);
      expect([...results].sort()).toEqual([SBI.alreadyAvailable, 0n].sort());
    }
  });

  it("starts with power-on state again after dirty registers, masked traps and a page table", async () => {
    const guest = program({
      *boot(cpu) {
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(dirty), 11n);
        while ((yield* ecall(EID.hsm, 2n, 1n)).value !== STOPPED) yield* pause();
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(clean), 22n);
        yield* sleep();
      },
      routines: [dirty, clean],
    });
    function* dirty(cpu: Cpu): GuestCode {
      yield* csrWrite(CSR.satp, (8n << 60n) | (3n << 44n) | 0x1234n);
      yield* csrWrite(CSR.sie, 0x222n);
      yield* csrWrite(CSR.sscratch, 77n);
      yield* csrWrite(CSR.sstatus, 0x42n);
      cpu.guest.log.push(`dirty ${cpu.opaque}`);
      yield* ecall(EID.hsm, 1n);
    }
    function* clean(cpu: Cpu): GuestCode {
      cpu.guest.log.push(`clean ${cpu.opaque} ${cpu.hart}`);
      yield* sleep();
    }
    const machine = await machineWith([domain("one", guest, { cpus: 2 })]);
    machine.runUntil(() => machine.guest("one").log.length === 2);
    expect(machine.guest("one").log).toEqual(["dirty 11", "clean 22 1"]);
    const cpu = machine.guest("one").cpus.get(1);
    expect(cpu?.entryCsrs).toMatchObject({ vsatp: 0n, vsie: 0n, vsip: 0n });
    expect((cpu?.entryCsrs["vsstatus"] ?? 2n) & 2n).toBe(0n);
  });

  it("suspends and resumes, retentive and not, and all vCPUs may stop", async () => {
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        yield* csrWrite(CSR.sie, 2n);
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(waker), 0n);
        const { error } = yield* ecall(EID.hsm, 3n, 0n, 0n, 0n);
        cpu.guest.log.push(`retentive ${error}`);
        yield* csrWrite(CSR.sip, 0n);
        yield* ecall(EID.hsm, 3n, 0x80000000n, cpu.addressOf(resumed), 99n);
        cpu.guest.log.push("came back");
      },
      routines: [waker, resumed],
    });
    function* waker(cpu: Cpu): GuestCode {
      for (let round = 0; round < 2; round++) {
        while ((yield* ecall(EID.hsm, 2n, 0n)).value !== 4n) yield* pause();
        yield* ecall(EID.ipi, 0n, 1n, 0n);
        while (cpu.guest.log.length <= round) yield* pause();
      }
      cpu.guest.log.push("stop 1");
      yield* ecall(EID.hsm, 1n);
    }
    function* resumed(cpu: Cpu): GuestCode {
      cpu.guest.log.push(`resumed ${cpu.hart} ${cpu.opaque}`);
      while ((yield* ecall(EID.hsm, 2n, 1n)).value !== STOPPED) yield* pause();
      cpu.guest.log.push("stop 0");
      yield* ecall(EID.hsm, 1n);
    }
    for (const harts of [1, 2]) {
      const machine = await machineWith([domain("one", guest, { cpus: 2 })], { harts });
      machine.runUntil(() => machine.guest("one").log.includes("stop 0"));
      expect(machine.guest("one").log).toEqual(["retentive 0", "resumed 0 99", "stop 1", "stop 0"]);
      machine.run(() => false, { maxSteps: 5000, maxTime: 1_000_000n });
      expect(
        machine.harts.every((hart) => hart.mode === "idle"),
        machine.describe(),
      ).toBe(true);
      machine.guests.forEach((each) => (each.log.length = 0));
    }
  });
});

/** The life of one vCPU: starts that succeeded and entries alternate with stops. */
function checkOne(seen: readonly Seen[], cpu: number): void {
  let starts = 0;
  let entries = 0;
  let stops = 0;
  for (const { cpu: by, command: done, error, value } of seen) {
    if (done.do === "start" && done.target === cpu) {
      if (error === 0n) starts++;
      else expect(error).toBe(SBI.alreadyAvailable);
    }
    if (done.do === "enter" && by === cpu) entries++;
    if (done.do === "stop" && by === cpu) stops++;
    if (done.do === "status" && done.target === cpu) expect([0n, 1n, 2n, 3n, 4n]).toContain(value);
    expect(stops, `vCPU ${cpu} stops without having been entered`).toBeLessThanOrEqual(entries);
  }
  expect(entries, `vCPU ${cpu}: ${starts} starts, ${entries} entries, ${stops} stops`).toBe(starts);
  expect(starts - stops).toBeGreaterThanOrEqual(0);
  expect(starts - stops).toBeLessThanOrEqual(1);
}
