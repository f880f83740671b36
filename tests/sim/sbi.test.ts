// SPDX-License-Identifier: Apache-2.0
// SBI as guests see it: BASE, TIME, IPI and RFENCE with every error that the specification names, and rows C01, C02, C06,
// C08 and C09 of the list of hostile inputs. @spec sbi 2.0
import { describe, expect, it } from "vitest";
import { compute, csrRead, CSR, ecall, EID, enableInterrupts, program, SBI, seededRandom } from "@typeone/sim";
import { allSaid, domain, inGuest, machineWith, sleep } from "./support.ts";

const ALL = (1n << 64n) - 1n;
const ok = (result: { error: bigint }): boolean => result.error === 0n;

describe("BASE", () => {
  it("answers version 2.0 or newer, ids, and probes what there is", () =>
    inGuest(function* () {
      const version = yield* ecall(EID.base, 0n);
      expect(version.error).toBe(0n);
      expect(version.value >> 24n).toBeGreaterThanOrEqual(2n);
      for (const fid of [1n, 2n, 4n, 5n, 6n]) expect(ok(yield* ecall(EID.base, fid))).toBe(true);
      for (const eid of Object.values(EID)) expect((yield* ecall(EID.base, 3n, eid)).value).not.toBe(0n);
      for (const eid of [0n, 8n, 0x11n, 0x504d55n, 0x53555350n, 0x46574654n, 0x535441n, ALL, EID.time | (1n << 63n)]) {
        expect(yield* ecall(EID.base, 3n, eid)).toEqual({ error: 0n, value: 0n });
      }
      for (const fid of [7n, 100n, ALL])
        expect(yield* ecall(EID.base, fid)).toEqual({ error: SBI.notSupported, value: 0n });
    }));
});

describe("unknown calls (C01, C02)", () => {
  it("answers NOT_SUPPORTED with a1 = 0 for every legacy and unknown extension, and for unknown functions", async () => {
    const machine = await inGuest(function* () {
      const before = "";
      for (let eid = 0n; eid <= 0x20n; eid++) {
        if (eid === EID.base) continue;
        for (const fid of [ALL, 0n, 1n, 0xbadn]) {
          expect(yield* ecall(eid, fid, ALL, ALL, ALL), `eid ${eid}${before}`).toEqual({
            error: SBI.notSupported,
            value: 0n,
          });
        }
      }
      const unknown: [bigint, bigint][] = [
        [EID.time, 1n],
        [EID.ipi, 1n],
        [EID.rfence, 7n],
        [EID.hsm, 4n],
        [EID.srst, 1n],
        [EID.dbcn, 3n],
        [0x504d55n, 0n],
        [0x53555350n, 0n],
        [0x46574654n, 0n],
        [0x535441n, 0n],
        [0x4e41434cn, 0n],
        [0x0a000007n, 0n],
        [EID.base + (1n << 32n), 0n],
        [EID.hsm | (1n << 63n), 0n],
      ];
      for (const [eid, fid] of unknown) {
        expect(yield* ecall(eid, fid, 1n, 1n), `eid ${eid.toString(16)} fid ${fid}`).toEqual({
          error: SBI.notSupported,
          value: 0n,
        });
      }
    });
    const quiet = machine.console.length;
    expect(quiet).toBeLessThan(8192);
  });

  it("survives 3,000 random calls and changes nothing but a0 and a1", async () => {
    const random = seededRandom(7);
    const eids = [...Object.values(EID).filter((eid) => eid !== EID.srst && eid !== EID.hsm), 0n, 1n, 5n];
    const odd = [0n, 1n, 7n, 0x80000000n, 0x7fffffffn, ALL, 1n << 63n, 1n << 41n];
    const machine = await inGuest(function* () {
      for (let round = 0; round < 3000; round++) {
        const eid = random.chance(0.6) ? random.pick(eids) : random.bits64();
        const fid = random.chance(0.8) ? BigInt(random.below(8)) : random.bits64();
        const arg = (): bigint => (random.chance(0.5) ? random.pick(odd) : random.bits64());
        const { error, value } = yield* ecall(eid, fid, arg(), arg(), arg(), arg(), arg(), arg());
        expect(error).toBeLessThanOrEqual(0n);
        expect(error).toBeGreaterThanOrEqual(-9n);
        if (error !== 0n && eid !== EID.dbcn) expect(value).toBe(0n);
      }
    });
    expect(machine.console.length).toBeLessThan(64 * 1024);
  });
});

describe("TIME (C06)", () => {
  it("fires for 0, the past, now and soon, clears with -1, and survives a storm", async () => {
    const fired: number[] = [];
    const guest = program({
      *boot(cpu) {
        yield* enableInterrupts(cpu, 1n << 5n);
        for (const ahead of [null, -5n, 0n, 1n, 50n]) {
          const at = ahead === null ? 0n : (yield* csrRead(CSR.time)) + ahead;
          expect(ok(yield* ecall(EID.time, 0n, at))).toBe(true);
          yield* compute(200);
          fired.push(cpu.taken(5));
        }
        for (const never of [ALL, ALL - 1n]) {
          yield* ecall(EID.time, 0n, never);
          yield* compute(500);
        }
        fired.push(cpu.taken(5));
        const storms = cpu.taken(5);
        for (let round = 0; round < 200; round++)
          yield* ecall(EID.time, 0n, round % 2 === 0 ? 0n : (yield* csrRead(CSR.time)) + 1n);
        yield* compute(50);
        cpu.guest.log.push(cpu.taken(5) > storms ? "done" : "no timer");
        yield* sleep();
      },
      *onInterrupt() {
        yield* ecall(EID.time, 0n, ALL);
      },
    });
    for (const sstc of [true, false]) {
      fired.length = 0;
      const machine = await machineWith([domain("one", guest)], { sstc });
      machine.runUntil(() => allSaid(machine, "done"));
      expect(fired).toEqual([1, 2, 3, 4, 5, 5]);
    }
  });
});

describe("IPI (C08)", () => {
  it("takes masks and bases, and refuses harts that do not exist", () =>
    inGuest(function* () {
      const cases: [bigint, bigint, bigint][] = [
        [1n, 0n, SBI.success],
        [3n, 0n, SBI.success],
        [2n, 0n, SBI.success],
        [1n, 1n, SBI.success],
        [0n, 0n, SBI.success],
        [0n, ALL, SBI.success],
        [ALL, ALL, SBI.success],
        [5n, ALL, SBI.success],
        [4n, 0n, SBI.invalidParam],
        [1n, 2n, SBI.invalidParam],
        [2n, 1n, SBI.invalidParam],
        [7n, 0n, SBI.invalidParam],
        [ALL, 0n, SBI.invalidParam],
        [1n, 1n << 63n, SBI.invalidParam],
        [1n, ALL - 1n, SBI.invalidParam],
        [1n << 63n, 0n, SBI.invalidParam],
        [1n << 32n, 0n, SBI.invalidParam],
        [1n, 1n << 32n, SBI.invalidParam],
      ];
      for (const [mask, base, expected] of cases) {
        expect(yield* ecall(EID.ipi, 0n, mask, base), `mask ${mask.toString(16)} base ${base.toString(16)}`).toEqual({
          error: expected,
          value: 0n,
        });
      }
    }));
});

describe("RFENCE (C09)", () => {
  it("accepts every range, refuses bad masks, and has no hypervisor fences for a guest without H", () =>
    inGuest(function* () {
      const ranges: [bigint, bigint][] = [
        [0n, 0n],
        [0n, ALL],
        [0x1000n, 0x1000n],
        [0x1234n, 1n],
        [ALL - 0xfffn, 0x2000n],
        [0n, 1n << 52n],
        [1n << 63n, ALL],
        [ALL, ALL],
      ];
      for (const fid of [0n, 1n, 2n]) {
        for (const [start, size] of ranges) {
          for (const asid of [0n, 1n, 1n << 63n, ALL]) {
            const { error, value } = yield* ecall(EID.rfence, fid, 3n, 0n, start, size, asid);
            expect([SBI.success, SBI.invalidAddress, SBI.invalidParam]).toContain(error);
            if (start === 0n) expect(error).toBe(SBI.success);
            expect(value).toBe(0n);
          }
        }
        expect((yield* ecall(EID.rfence, fid, 4n, 0n, 0n, 0n)).error).toBe(SBI.invalidParam);
        expect((yield* ecall(EID.rfence, fid, 1n, 1n << 63n, 0n, 0n)).error).toBe(SBI.invalidParam);
        expect((yield* ecall(EID.rfence, fid, 0n, ALL, 0n, 0n)).error).toBe(SBI.success);
      }
      for (const fid of [3n, 4n, 5n, 6n]) {
        expect((yield* ecall(EID.rfence, fid, 1n, 0n, 0n, 0n)).error).toBe(SBI.notSupported);
      }
    }));
});
