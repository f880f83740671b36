// SPDX-License-Identifier: Apache-2.0
// Wake-ups are never lost: IPIs and timers against WFI, under many random schedules, with the core's own code
// interleaved between harts at every import (row D05), more vCPUs than harts (D07) and busy neighbours (D06).
import { describe, expect, it } from "vitest";
import {
  compute,
  type Cpu,
  CSR,
  csrRead,
  csrWrite,
  ecall,
  EID,
  enableInterrupts,
  type GuestCode,
  pause,
  program,
  wfi,
} from "@typeone/sim";
import { allSaid, domain, machineWith, sleep, waitFor } from "./support.ts";

const NEVER = (1n << 64n) - 1n;

/** vCPUs hand a token around: each sleeps until it has it. */
function tokenRing(cpus: number, rounds: number) {
  const state = { holder: 0, passes: 0 };
  function* member(cpu: Cpu): GuestCode {
    yield* enableInterrupts(cpu, 2n);
    if (cpu.hart === 0)
      for (let other = 1; other < cpus; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(member), 0n);
    while (state.passes < rounds) {
      // Interrupts off between the look and the WFI, as a kernel does it: a pending one still ends the WFI.
      yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) & ~2n);
      if (state.holder === cpu.hart) {
        state.passes++;
        state.holder = (cpu.hart + 1) % cpus;
        yield* ecall(EID.ipi, 0n, 1n << BigInt(state.holder), 0n);
      } else {
        yield* wfi();
      }
      yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) | 2n);
    }
    if (cpu.hart === 0) cpu.guest.log.push("done");
    yield* ecall(EID.ipi, 0n, 0n, NEVER);
    yield* sleep();
  }
  return { program: program({ boot: member, routines: [member] }), state };
}

describe("IPI against WFI", () => {
  const shapes = [1, 2, 4].flatMap((harts) => [2, 4].map((cpus) => ({ harts, cpus })));
  it.each(shapes)("$cpus vCPUs on $harts harts, 12 schedules", async ({ harts, cpus }) => {
    for (let seed = 1; seed <= 12; seed++) {
      const ring = tokenRing(cpus, 30);
      const machine = await machineWith([domain("ring", ring.program, { cpus })], {
        harts,
        seed,
        sstc: seed % 2 === 0,
        interleave: 0.03,
        spuriousWake: 0.001,
      });
      machine.runUntil(() => ring.state.passes >= 30, { maxSteps: 60_000 });
      machine.check();
    }
  });

  it("two rings and a busy neighbour share two harts", async () => {
    const busy = program({
      *boot() {
        for (;;) yield* compute(1000);
      },
    });
    for (let seed = 1; seed <= 4; seed++) {
      const rings = [tokenRing(3, 20), tokenRing(2, 20)];
      const domains = rings.map((ring, index) => domain(`ring${index}`, ring.program, { cpus: 3 - index }));
      const machine = await machineWith([...domains, domain("busy", busy, { cpus: 1 })], {
        harts: 2,
        seed,
        interleave: 0.02,
      });
      machine.runUntil(() => rings.every((ring) => ring.state.passes >= 20), { maxSteps: 200_000 });
      machine.check();
    }
  });
});

describe("timers", () => {
  it.each([true, false])("wake every sleeper in time, Sstc %s, six vCPUs on two harts", async (sstc) => {
    const late: bigint[] = [];
    function* sleeper(cpu: Cpu): GuestCode {
      yield* enableInterrupts(cpu, 1n << 5n);
      if (cpu.hart === 0)
        for (let other = 1; other < 6; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(sleeper), 0n);
      for (let round = 1; round <= 10; round++) {
        const at = (yield* csrRead(CSR.time)) + BigInt(400 * (1 + ((round * 7 + cpu.hart * 3) % 5)));
        yield* ecall(EID.time, 0n, at);
        yield* waitFor(() => cpu.taken(5) >= round);
        late.push((yield* csrRead(CSR.time)) - at);
      }
      cpu.guest.log.push("done");
      yield* sleep();
    }
    const guest = program({
      boot: sleeper,
      routines: [sleeper],
      *onInterrupt() {
        yield* ecall(EID.time, 0n, NEVER);
      },
    });
    for (let seed = 1; seed <= 6; seed++) {
      late.length = 0;
      const machine = await machineWith([domain("one", guest, { cpus: 6 })], {
        harts: 2,
        sstc,
        seed,
        interleave: 0.01,
      });
      machine.runUntil(() => machine.guest("one").log.length === 6, { maxSteps: 100_000 });
      expect(late.length).toBe(60);
      for (const ticks of late) expect(ticks).toBeGreaterThanOrEqual(0n);
      machine.check();
    }
  });

  it("guest time never goes back, on whatever hart a vCPU runs (D08)", async () => {
    let backwards = 0;
    let last = 0n;
    function* reader(cpu: Cpu): GuestCode {
      if (cpu.hart === 0)
        for (let other = 1; other < 3; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(reader), 0n);
      for (let round = 0; round < 100; round++) {
        const now = yield* csrRead(CSR.time);
        if (now < last) backwards++;
        last = now;
        yield* compute(20);
      }
      cpu.guest.log.push("done");
      yield* sleep();
    }
    const machine = await machineWith([domain("one", program({ boot: reader, routines: [reader] }), { cpus: 3 })], {
      harts: 2,
    });
    machine.runUntil(() => machine.guest("one").log.length === 3);
    expect(backwards).toBe(0);
    expect(last).toBeLessThan(100_000_000n);
  });
});

describe("sharing", () => {
  it("a guest that never yields cannot starve another (D06), and both get about half", async () => {
    const ticks = [0, 0];
    const hog = (index: number) =>
      program({
        *boot(cpu) {
          cpu.guest.log.push("done");
          for (;;) {
            yield* compute(500);
            ticks[index] = (ticks[index] ?? 0) + 500;
          }
        },
      });
    const slice = { properties: { "typeone,slice-us": 10_000 } };
    for (const sstc of [true, false]) {
      ticks.fill(0);
      const machine = await machineWith([domain("a", hog(0), slice), domain("b", hog(1), slice)], { harts: 1, sstc });
      machine.run(() => false, { maxSteps: 100_000, maxTime: 20_000_000n });
      const [a = 0, b = 0] = ticks;
      expect(Math.min(a, b) / Math.max(a, b), `${a} against ${b}`).toBeGreaterThan(0.8);
      expect(a + b).toBeGreaterThan(18_000_000);
    }
  });

  it("a machine whose guests all sleep takes no traps (tickless)", async () => {
    const guest = program({
      *boot(cpu) {
        cpu.guest.log.push("done");
        yield* pause();
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("a", guest), domain("b", guest)]);
    machine.runUntil(() => allSaid(machine, "done"));
    expect(
      machine.run(() => false, { maxSteps: 5000, maxTime: 100_000_000n }),
      machine.describe(),
    ).toBe("quiet");
  });
});
