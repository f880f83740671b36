// SPDX-License-Identifier: Apache-2.0
// SBI as guests see it: HSM, SRST and DBCN with every error that the specification names, and rows C03, C10, C11 and C12
// of the list of hostile inputs. HSM as a state machine is in hsm.test.ts. @spec sbi 2.0
import { describe, expect, it } from "vitest";
import { compute, ecall, EID, load, program, readBytes, SBI, writeBytes, type Cpu, type GuestCode } from "@typeone/sim";
import { allSaid, domain, inGuest, machineWith, memoryOf, readTree, reboot, shutdown, sleep } from "./support.ts";

const ALL = (1n << 64n) - 1n;

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
