// SPDX-License-Identifier: Apache-2.0
// Remote fences: when the call has returned, no vCPU of the guest uses what it had cached before, wherever it runs.
import { describe, expect, it } from "vitest";
import { type Cpu, CSR, csrWrite, ecall, EID, type GuestCode, pause, program, virtualLoad } from "@typeone/sim";
import { domain, machineWith, sleep } from "./support.ts";

const PAGE = 0x5000n;

describe("remote sfence.vma", () => {
  const shapes = [1, 2, 4].flatMap((harts) => [1n, 2n].map((fid) => ({ harts, fid })));
  it.each(shapes)("function $fid with 4 vCPUs on $harts harts", async ({ harts, fid }) => {
    for (let seed = 1; seed <= 5; seed++) {
      const state = { version: 1n, ended: 0, stale: 0, rounds: 0 };
      const satp = (8n << 60n) | (1n << 44n) | 0x80200n;
      function* owner(cpu: Cpu): GuestCode {
        yield* csrWrite(CSR.satp, satp);
        cpu.guest.space(satp).set(PAGE >> 12n, state.version);
        for (let other = 1; other < 4; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(reader), 0n);
        for (let round = 0; round < 15; round++) {
          for (let wait = 0; wait < 20; wait++) yield* pause();
          cpu.guest.space(satp).set(PAGE >> 12n, state.version + 1n);
          const { error } = yield* ecall(EID.rfence, fid, 0xfn, 0n, PAGE, 0x1000n, 1n);
          expect(error).toBe(0n);
          state.version++;
          state.rounds++;
        }
        state.ended = 1;
        yield* sleep();
      }
      function* reader(): GuestCode {
        yield* csrWrite(CSR.satp, satp);
        for (let round = 0; state.ended === 0; round++) {
          const promised = state.version;
          if ((yield* virtualLoad(PAGE)) < promised) state.stale++;
          yield* round % 7 === 6 ? ecall(EID.base, 0n) : pause();
        }
        yield* sleep();
      }
      const machine = await machineWith([domain("one", program({ boot: owner, routines: [reader] }), { cpus: 4 })], {
        harts,
        seed,
        interleave: 0.01,
      });
      machine.runUntil(() => state.ended === 1, { maxSteps: 100_000 });
      expect(state).toMatchObject({ stale: 0, rounds: 15 });
      machine.check();
    }
  });

  it("vCPUs of one guest with the same ASID and different page tables do not see each other's translations", async () => {
    const bad: string[] = [];
    let ended = 0;
    function* member(cpu: Cpu): GuestCode {
      const satp = (8n << 60n) | (1n << 44n) | BigInt(0x80200 + cpu.hart);
      yield* csrWrite(CSR.satp, satp);
      cpu.guest.space(satp).set(PAGE >> 12n, BigInt(100 + cpu.hart));
      if (cpu.hart === 0)
        for (let other = 1; other < 4; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(member), 0n);
      for (let round = 0; round < 60; round++) {
        const value = yield* virtualLoad(PAGE);
        if (value !== BigInt(100 + cpu.hart)) bad.push(`vCPU ${cpu.hart} read ${value}`);
        yield* pause();
      }
      ended++;
      yield* sleep();
    }
    for (let seed = 1; seed <= 4; seed++) {
      ended = 0;
      const guest = program({ boot: member, routines: [member] });
      const machine = await machineWith([domain("one", guest, { cpus: 4, properties: { "typeone,slice-us": 5 } })], {
        harts: 2,
        seed,
      });
      machine.runUntil(() => ended === 4);
      expect(bad).toEqual([]);
    }
  });
});

describe("remote fence.i", () => {
  it("reaches every hart that runs a target, and floods do not deadlock", async () => {
    let ended = 0;
    function* flooder(cpu: Cpu): GuestCode {
      if (cpu.hart === 0)
        for (let other = 1; other < 4; other++) yield* ecall(EID.hsm, 0n, other, cpu.addressOf(flooder), 0n);
      for (let round = 0; round < 40; round++) {
        const { error } = yield* ecall(EID.rfence, BigInt(round % 3), 0n, (1n << 64n) - 1n, 0n, 0n, 0n);
        if (error !== 0n) throw new Error(`error ${error}`);
      }
      ended++;
      yield* sleep();
    }
    const machine = await machineWith([domain("one", program({ boot: flooder, routines: [flooder] }), { cpus: 4 })], {
      harts: 4,
      interleave: 0.02,
    });
    machine.runUntil(() => ended === 4);
    expect(machine.harts.every((hart) => hart.tlb.fences.some((fence) => fence.kind === "instructions"))).toBe(true);
    machine.check();
  });
});
