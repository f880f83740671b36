// SPDX-License-Identifier: Apache-2.0
// SBI as guests see it: every error that the specification names, and rows C01 to C03, C06, C08, C09, C11 and C12 of the
// list of hostile inputs. @spec sbi 2.0
import { describe, expect, it } from "vitest";
import {
  compute,
  csrRead,
  CSR,
  ecall,
  EID,
  enableInterrupts,
  type GuestCode,
  load,
  program,
  readBytes,
  SBI,
  seededRandom,
  useTraps,
  writeBytes,
  type Cpu,
} from "@typeone/sim";
import { allSaid, domain, machineWith, memoryOf, readTree, reboot, shutdown, sleep } from "./support.ts";

const ALL = (1n << 64n) - 1n;
const ok = (result: { error: bigint }): boolean => result.error === 0n;

/** Runs guest code on hart 0 of a guest with two vCPUs beside a quiet neighbour, and checks the machine afterwards. */
async function inGuest(body: (cpu: Cpu) => GuestCode, cpus = 2) {
  const failures: unknown[] = [];
  const guest = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      try {
        yield* body(cpu);
      } catch (error) {
        failures.push(error);
      }
      cpu.guest.log.push("done");
      yield* sleep();
    },
    routines: [sleep],
  });
  const quiet = program({
    *boot(cpu) {
      cpu.guest.log.push("done");
      yield* sleep();
    },
  });
  const machine = await machineWith([domain("tested", guest, { cpus }), domain("quiet", quiet)]);
  machine.runUntil(() => allSaid(machine, "done"), { maxSteps: 400_000 });
  if (failures.length > 0) throw failures[0];
  machine.check();
  return machine;
}

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

describe("HSM errors (C10, C11)", () => {
  it("names every error of hart_start and hart_get_status", () =>
    inGuest(function* (cpu) {
      const entry = cpu.addressOf(sleep);
      const { base, size } = memoryOf(yield* readTree(cpu));
      expect(yield* ecall(EID.hsm, 2n, 0n)).toEqual({ error: 0n, value: 0n });
      expect(yield* ecall(EID.hsm, 2n, 1n)).toEqual({ error: 0n, value: 1n });
      for (const absent of [2n, 8n, 64n, ALL, 1n << 32n]) {
        expect(yield* ecall(EID.hsm, 2n, absent)).toEqual({ error: SBI.invalidParam, value: 0n });
        expect(yield* ecall(EID.hsm, 0n, absent, entry)).toEqual({ error: SBI.invalidParam, value: 0n });
      }
      for (const self of [0n]) expect((yield* ecall(EID.hsm, 0n, self, entry)).error).toBe(SBI.alreadyAvailable);
      for (const address of [
        0n,
        0x10000000n,
        ALL,
        ALL - 1n,
        base - 4n,
        base + size,
        entry + 1n,
        1n << 41n,
        1n << 56n,
        entry + (1n << 56n),
      ]) {
        expect(yield* ecall(EID.hsm, 0n, 1n, address), address.toString(16)).toEqual({
          error: SBI.invalidAddress,
          value: 0n,
        });
      }
      expect((yield* ecall(EID.hsm, 2n, 1n)).value).toBe(1n);
      expect((yield* ecall(EID.hsm, 0n, 1n, entry, 5n)).error).toBe(0n);
      expect((yield* ecall(EID.hsm, 0n, 1n, entry, 5n)).error).toBe(SBI.alreadyAvailable);
    }));

  it("refuses reserved suspend types and bad resume addresses, ignores the upper 32 bits of the type", () =>
    inGuest(function* () {
      for (const type of [
        1n,
        0x0fffffffn,
        0x10000000n,
        0x7fffffffn,
        0x80000001n,
        0x8fffffffn,
        0x90000000n,
        0xffffffffn,
      ]) {
        const { error } = yield* ecall(EID.hsm, 3n, type, 0n, 0n);
        expect([SBI.invalidParam, SBI.notSupported], type.toString(16)).toContain(error);
      }
      for (const address of [0n, 0x10000000n, ALL]) {
        expect((yield* ecall(EID.hsm, 3n, 0x80000000n, address)).error).toBe(SBI.invalidAddress);
        expect((yield* ecall(EID.hsm, 3n, 0xdead_0000_8000_0000n, address)).error).toBe(SBI.invalidAddress);
      }
    }));
});

describe("SRST (C12)", () => {
  it("refuses reserved types and reasons and goes on", () =>
    inGuest(function* () {
      for (const [type, reason] of [
        [3n, 0n],
        [0xefffffffn, 0n],
        [0x7fffffffn, 0n],
        [0n, 2n],
        [1n, 0xdfffffffn],
        [3n, 3n],
      ] as const) {
        expect(
          yield* ecall(EID.srst, 0n, type, reason),
          `type ${type.toString(16)} reason ${reason.toString(16)}`,
        ).toEqual({ error: SBI.invalidParam, value: 0n });
      }
    }));

  it("one reset wins when two vCPUs ask at once", async () => {
    const guest = program({
      *boot(cpu) {
        cpu.guest.log.push("boot");
        if (cpu.guest.boots > 1) {
          cpu.guest.log.push("again");
          return yield* sleep();
        }
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(both), 0n);
        yield* reboot();
        cpu.guest.log.push("came back");
      },
      routines: [both],
    });
    function* both(cpu: Cpu): GuestCode {
      yield* reboot();
      cpu.guest.log.push("came back");
    }
    for (let seed = 1; seed <= 8; seed++) {
      const machine = await machineWith([domain("one", guest, { cpus: 2 })], { seed, harts: 2, interleave: 0.02 });
      machine.runUntil(() => machine.guest("one").log.includes("again"));
      machine.run(() => false, { maxSteps: 3000 });
      expect(machine.guest("one").log.filter((word) => word === "boot").length).toBeLessThanOrEqual(3);
      expect(machine.guest("one").log).not.toContain("came back");
      machine.check();
    }
  });

  it("shutdown ends the guest only", async () => {
    const dying = program({
      *boot(cpu) {
        cpu.guest.log.push("done");
        yield* shutdown();
        cpu.guest.log.push("came back");
      },
    });
    const living = program({
      *boot(cpu) {
        for (let round = 0; round < 50; round++) yield* compute(100);
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("dying", dying), domain("living", living)], { harts: 1 });
    machine.runUntil(() => allSaid(machine, "done"));
    machine.run(() => false, { maxSteps: 2000 });
    expect(machine.guest("dying").log).toEqual(["done"]);
    expect(machine.guest("dying").boots).toBe(1);
    machine.check(["dying"]);
  });
});

describe("DBCN (C03)", () => {
  it("writes, and refuses every buffer that is not the guest's RAM", () =>
    inGuest(function* (cpu) {
      const { base, size } = memoryOf(yield* readTree(cpu));
      const at = base + 0x1000000n;
      const text = new TextEncoder().encode("console-marker\n");
      yield* writeBytes(at, text);
      expect(yield* ecall(EID.dbcn, 0n, text.length, at, 0n)).toEqual({ error: 0n, value: BigInt(text.length) });
      expect((yield* ecall(EID.dbcn, 0n, 0n, at, 0n)).error).toBe(0n);
      expect(yield* ecall(EID.dbcn, 2n, 0x41n)).toEqual({ error: 0n, value: 0n });
      const end = base + size;
      const bad: [bigint, bigint, bigint][] = [
        [4n, 0n, 0n],
        [4n, 0x10000000n, 0n],
        [4n, 0x80200000n - 0x80000000n, 0n],
        [2n, end - 1n, 0n],
        [1n, end, 0n],
        [ALL, at, 0n],
        [8n, ALL - 3n, 0n],
        [4n, at, 1n],
        [4n, at, ALL],
        [4n, base - 2n, 0n],
        [1n << 40n, at, 0n],
        [4n, 1n << 60n, 0n],
      ];
      for (const fid of [0n, 1n]) {
        for (const [length, low, high] of bad) {
          const result = yield* ecall(EID.dbcn, fid, length, low, high);
          expect(result, `fid ${fid} ${length.toString(16)} at ${high}:${low.toString(16)}`).toEqual({
            error: SBI.invalidParam,
            value: 0n,
          });
        }
      }
      const read = yield* ecall(EID.dbcn, 1n, 16n, at, 0n);
      expect(read.error).toBe(0n);
      expect(read.value).toBeLessThanOrEqual(16n);
      expect((yield* readBytes(at + 16n, 4)).length).toBe(4);
      expect((yield* load(at, 1)).fault).toBeNull();
    }).then((machine) => expect(machine.console).toContain("console-marker")));

  it("touches memory across page and huge-page borders and at both ends of RAM", () =>
    inGuest(function* (cpu) {
      const { base, size } = memoryOf(yield* readTree(cpu));
      for (const at of [base + size - 64n, base + 0x2000000n - 32n, base + 0x1000ff0n]) {
        yield* writeBytes(at, new TextEncoder().encode("x".repeat(64)));
        const { error, value } = yield* ecall(EID.dbcn, 0n, 64n, at, 0n);
        expect(error).toBe(0n);
        expect(value).toBeGreaterThan(0n);
      }
    }));
});
