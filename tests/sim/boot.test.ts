// SPDX-License-Identifier: Apache-2.0
// The hypervisor boots on every kind of host and enters its guests by the real protocol.
import { describe, expect, it } from "vitest";
import { type Aia, csrRead, CSR, load, program } from "@typeone/sim";
import { allSaid, domain, machineWith, MIB, readTree, sleep } from "./support.ts";

const hello = program({
  *boot(cpu) {
    cpu.guest.log.push(`hart ${cpu.hart}`);
    const tree = yield* readTree(cpu);
    cpu.guest.log.push(`${tree.root.strings("compatible")?.[0]}`, "done");
    yield* sleep();
  },
});

describe("boot to the first guest instruction", () => {
  const controllers: readonly Aia[] = ["none", "aplic", "aplic-imsic"];
  const cells = [1, 2, 4, 8].flatMap((harts) =>
    [true, false].flatMap((sstc) => controllers.map((aia) => ({ harts, sstc, aia }))),
  );
  it.each(cells)("$harts harts, Sstc $sstc, aia $aia", async ({ harts, sstc, aia }) => {
    const machine = await machineWith([domain("one", hello), domain("two", hello, { cpus: 2 })], { harts, sstc, aia });
    machine.runUntil(() => allSaid(machine, "done"));
    machine.run(() => false, { maxSteps: 2000 });
    expect(machine.harts.every((hart) => hart.mode === "idle" || hart.mode === "guest")).toBe(true);
    for (const guest of machine.guests) {
      expect(guest.boots).toBe(1);
      expect(guest.log[0]).toBe("hart 0");
    }
    machine.check();
  });
});

describe("boot on unusual hosts", () => {
  it("boots on any hart, with hart numbers that are not 0, 1, 2", async () => {
    const machine = await machineWith([domain("one", hello)], { harts: 3, hartIds: [5, 1, 12], bootHart: 2 });
    machine.runUntil(() => allSaid(machine, "done"));
    machine.run(() => false, { maxSteps: 1000 });
    expect(machine.harts.map((hart) => hart.record !== 0)).toEqual([true, true, true]);
    machine.check();
  });

  it("boots with fewer harts when one never starts", async () => {
    const machine = await machineWith([domain("one", hello), domain("two", hello)], { harts: 3, deadHarts: [1] });
    machine.runUntil(() => allSaid(machine, "done"));
    expect(machine.console.length).toBeGreaterThan(0);
  });

  it.each([[8], [8, 9], [8, 9, 10]])("uses the stage-2 modes that exist: %j", async (...modes) => {
    const machine = await machineWith([domain("one", hello)], { stage2Modes: modes });
    machine.runUntil(() => allSaid(machine, "done"));
    const hgatp = machine.roots.get(machine.guest("one")) ?? 0n;
    expect(modes).toContain(Number(hgatp >> 60n));
    machine.check();
  });

  it("uses more than 4 GiB of host RAM", async () => {
    const machine = await machineWith([domain("big", hello, { memoryKiB: 5 * 1024 * 1024 })], { ramMiB: 6 * 1024 });
    machine.runUntil(() => allSaid(machine, "done"));
    machine.check();
  });

  it("says what is wrong when the host has no H-extension, and does not hang", async () => {
    const machine = await machineWith([domain("one", hello)], { hypervisor: false });
    machine.run(() => false, { maxSteps: 2000 });
    expect(machine.console).toMatch(/hypervisor|H-ext|\bH\b/i);
    expect(machine.guest("one").boots).toBe(0);
  });

  it("refuses a domain that does not fit and boots the others", async () => {
    const machine = await machineWith([domain("huge", hello, { memoryKiB: 8 * 1024 * 1024 }), domain("one", hello)]);
    machine.runUntil(() => machine.guest("one").log.includes("done"));
    expect(machine.guest("huge").boots).toBe(0);
    expect(machine.console).toMatch(/huge/);
  });

  it("honours xen,static-mem", async () => {
    const hpa = 0xa0000000;
    const machine = await machineWith([domain("fixed", hello, { staticMemory: { hpa, size: 64 * MIB } })]);
    machine.runUntil(() => allSaid(machine, "done"));
    machine.check();
    expect(machine.ram.isZero(hpa, 64 * MIB)).toBe(false);
  });
});

describe("the first instruction", () => {
  it("finds power-on state: zero registers and memory, interrupts off, no translation", async () => {
    const probe = program({
      *boot(cpu) {
        const low = yield* load(cpu.guest.base + 0x100000n, 8);
        cpu.guest.log.push(`memory ${low.value}`, `status ${yield* csrRead(CSR.sstatus)}`, "done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("one", probe)]);
    machine.runUntil(() => allSaid(machine, "done"));
    const cpu = machine.guest("one").cpus.get(0);
    const registers = cpu?.entryRegisters ?? [];
    expect(registers[10]).toBe(0n);
    expect(Number(registers[11]) % 8).toBe(0);
    expect(registers.filter((value, index) => value !== 0n && index !== 11)).toEqual([]);
    expect(cpu?.entryCsrs).toMatchObject({ vsatp: 0n, vsie: 0n, vsip: 0n, vsscratch: 0n });
    expect((cpu?.entryCsrs["vsstatus"] ?? 2n) & 0x2n).toBe(0n);
    expect(machine.guest("one").log[0]).toBe("memory 0");
  });
});
