// SPDX-License-Identifier: Apache-2.0
// Floating-point registers are switched lazily and never leak: not between guests, not between vCPUs, not from before
// (row B11), on however many harts a vCPU runs.
import { describe, expect, it } from "vitest";
import {
  type Cpu,
  CAUSE,
  CSR,
  csrRead,
  csrWrite,
  ecall,
  EID,
  fpRead,
  fpWrite,
  type GuestCode,
  pause,
  program,
  useTraps,
} from "@typeone/sim";
import { allSaid, domain, floatingOn, machineWith, sleep } from "./support.ts";

describe("floating point", () => {
  it("starts at zero and keeps each vCPU's own values over any schedule", async () => {
    const bad: string[] = [];
    function* user(cpu: Cpu): GuestCode {
      yield* useTraps(cpu);
      yield* floatingOn();
      if (cpu.hart === 0) yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(user), 0n);
      const mark = BigInt(cpu.guest.name.charCodeAt(0)) * 1000n + BigInt(cpu.hart);
      for (const register of [0, 7, 31]) {
        const first = yield* fpRead(register);
        if (first !== 0n) bad.push(`${cpu.guest.name}/${cpu.hart} f${register} begins as ${first}`);
      }
      for (let round = 0n; round < 25n; round++) {
        for (const register of [0, 7, 31]) yield* fpWrite(register, mark + round);
        yield* round % 3n === 0n ? ecall(EID.base, 0n) : pause();
        for (let rest = 0n; rest < round % 5n; rest++) yield* pause();
        for (const register of [0, 7, 31]) {
          const value = yield* fpRead(register);
          if (value !== mark + round)
            bad.push(`${cpu.guest.name}/${cpu.hart} f${register} is ${value}, not ${mark + round}`);
        }
      }
      cpu.guest.log.push("end");
      yield* sleep();
    }
    for (let seed = 1; seed <= 6; seed++) {
      const guest = program({ boot: user, routines: [user] });
      const domains = ["a", "b", "c"].map((name) =>
        domain(name, guest, { cpus: 2, properties: { "typeone,slice-us": 5 } }),
      );
      const machine = await machineWith(domains, { harts: 1 + (seed % 3), seed });
      machine.runUntil(() => machine.guests.every((each) => each.log.length === 2), { maxSteps: 100_000 });
      expect(bad).toEqual([]);
      machine.check();
    }
  });

  it("a guest whose own FS is off gets its illegal instruction", async () => {
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) & ~0x6000n);
        for (let round = 0; round < 2; round++) {
          const { fault } = yield* fpWrite(3, 5n);
          cpu.guest.log.push(`cause ${fault?.cause}`);
        }
        yield* floatingOn();
        yield* fpWrite(3, 6n);
        yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) & ~0x6000n);
        cpu.guest.log.push(`cause ${(yield* fpWrite(3, 5n)).fault?.cause}`);
        yield* floatingOn();
        cpu.guest.log.push(`f3 ${yield* fpRead(3)}`, "done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("one", guest)]);
    machine.runUntil(() => allSaid(machine, "done"));
    const illegal = `cause ${CAUSE.illegal}`;
    expect(machine.guest("one").log).toEqual([illegal, illegal, illegal, "f3 6", "done"]);
  });
});
