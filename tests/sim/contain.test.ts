// SPDX-License-Identifier: Apache-2.0
// Containment: a fault of the hypervisor while it handles one guest's exit stops that guest, with a record, and the
// neighbour goes on. Faults are injected at every import call of an exit in turn.
import { describe, expect, it } from "vitest";
import {
  compute,
  CoreFault,
  csrRead,
  CSR,
  ecall,
  EID,
  enableInterrupts,
  type Machine,
  program,
  store,
  type SimHart,
} from "@typeone/sim";
import { deviceAt, domain, machineWith, readTree, waitFor } from "./support.ts";

const victimProgram = program({
  *boot(cpu) {
    const uart = deviceAt(yield* readTree(cpu), "ns16550a");
    cpu.guest.log.push("ready");
    for (;;) {
      yield* ecall(EID.base, 0n);
      yield* store(uart + 7n, 1, 5n);
      yield* ecall(EID.ipi, 0n, 1n, 0n);
      yield* ecall(EID.rfence, 1n, 1n, 0n, 0n, 0n);
      yield* ecall(EID.dbcn, 2n, 0x2en);
      yield* ecall(EID.hsm, 0n, 1n, cpu.guest.base, 0n);
    }
  },
});

/** Asks for as much entropy as an exit's budget is, so that what is left is looked for when its vCPU enters again. */
const entropyProgram = program({
  *boot(cpu) {
    const device = 0x1000_1000n;
    const ring = 0x8200_0000n;
    const areas = [ring, ring + 0x1000n, ring + 0x2000n];
    for (let i = 0n; i < 64n; i++) {
      yield* store(ring + i * 16n, 8, ring + 0x3000n);
      yield* store(ring + i * 16n + 8n, 8, 8n | (2n << 32n));
      yield* store(areas[1]! + 4n + i * 2n, 2, i);
    }
    yield* store(areas[1]! + 2n, 2, 64n);
    for (const status of [0n, 1n, 3n]) yield* store(device + 0x70n, 4, status);
    yield* store(device + 0x24n, 4, 1n);
    yield* store(device + 0x20n, 4, 1n);
    yield* store(device + 0x70n, 4, 0xbn);
    yield* store(device + 0x38n, 4, 64n);
    for (const [i, area] of areas.entries()) {
      yield* store(device + 0x80n + BigInt(i) * 0x10n, 4, area & 0xffff_ffffn);
      yield* store(device + 0x84n + BigInt(i) * 0x10n, 4, 0n);
    }
    yield* store(device + 0x44n, 4, 1n);
    yield* store(device + 0x70n, 4, 0xfn);
    cpu.guest.log.push("asks");
    yield* store(device + 0x50n, 4, 0n);
    cpu.guest.log.push("done");
    yield* waitFor(() => false);
  },
});

const neighbourProgram = program({
  *boot(cpu) {
    yield* enableInterrupts(cpu, 1n << 5n);
    for (let beat = 0; ; beat++) {
      cpu.guest.log.push(`beat ${beat}`);
      yield* ecall(EID.time, 0n, (yield* csrRead(CSR.time)) + 100n);
      yield* waitFor(() => cpu.taken(5) > beat);
      yield* compute(10);
    }
  },
  *onInterrupt() {
    yield* ecall(EID.time, 0n, (1n << 64n) - 1n);
  },
});

const beats = (machine: Machine): number => machine.guest("neighbour").log.length;

/** The core works on an exit that the victim itself caused, not on a host interrupt that came in its time. */
function victimExits(machine: Machine, hart: SimHart): boolean {
  const own = hart.csrs.read(CSR.scause) >> 63n === 0n;
  return own && machine.vcpus.get(hart.context)?.cpu?.guest.name === "victim";
}

describe("a fault while a guest's exit is handled", () => {
  it("stops that guest and no other, at whatever import it strikes", { timeout: 60_000 }, async () => {
    let contained = 0;
    for (let ordinal = 0; ordinal < 40; ordinal++) {
      const machine = await machineWith([domain("victim", victimProgram), domain("neighbour", neighbourProgram)], {
        harts: 1 + (ordinal % 2),
      });
      machine.runUntil(() => machine.guest("victim").log.includes("ready") && beats(machine) > 3);
      machine.gate.containFaults = true;
      let armed = true;
      machine.gate.onImport = (_name, at, hart) => {
        if (!armed || at !== ordinal || !victimExits(machine, hart)) return;
        armed = false;
        throw new CoreFault(`injected at import ${ordinal}`, 5n, 0xbadn);
      };
      machine.run(() => !armed, { maxSteps: 3000 });
      if (armed) continue;
      contained++;
      const before = beats(machine);
      machine.runUntil(() => beats(machine) > before + 20, { maxSteps: 50_000 });
      const exits = exitsOf(machine, "victim");
      machine.run(() => false, { maxSteps: 3000 });
      expect(exitsOf(machine, "victim"), `the victim still runs after import ${ordinal}`).toBe(exits);
      expect(machine.console).toMatch(/victim/);
      machine.check(["victim"]);
    }
    expect(contained).toBeGreaterThan(8);
  });

  it(
    "stops that guest also when its devices' deferred work is at fault, in the scheduler's time",
    { timeout: 60_000 },
    async () => {
      let copies = 0;
      for (let fails = 0; fails < 3; fails++) {
        const machine = await machineWith(
          [
            domain("victim", entropyProgram, { devices: [{ compatible: "typeone,rng", "typeone,bus": "mmio" }] }),
            domain("neighbour", neighbourProgram),
          ],
          { harts: 1 },
        );
        machine.gate.containFaults = true;
        let seen = 0;
        let struck = false;
        machine.gate.onImport = (name) => {
          if (name !== "copyIn" || !machine.guest("victim").log.includes("asks") || struck) return;
          if (++seen !== copies - fails || fails === 0) return;
          struck = true;
          throw new CoreFault("injected into a device", 5n, 0xbadn);
        };
        machine.runUntil(() => struck || machine.guest("victim").log.includes("done"), { maxSteps: 50_000 });
        if (fails === 0) copies = seen + 1;
        expect([fails, struck]).toEqual([fails, fails !== 0]);
        const before = beats(machine);
        machine.runUntil(() => beats(machine) > before + 20, { maxSteps: 50_000 });
        expect(machine.guest("victim").log.includes("done")).toBe(fails === 0);
      }
      // More than one exit's worth: the last look at the ring is a deferred one.
      expect(copies).toBeGreaterThan(64);
    },
  );

  it("a second fault inside the containment stops the machine with a report", async () => {
    const machine = await machineWith([domain("victim", victimProgram), domain("neighbour", neighbourProgram)]);
    machine.runUntil(() => machine.guest("victim").log.includes("ready"));
    machine.gate.containFaults = true;
    let faults = 0;
    machine.gate.onImport = (_name, at, hart) => {
      if (faults >= 2 || at < 3 || (faults === 0 && !victimExits(machine, hart))) return;
      faults++;
      throw new CoreFault("injected twice", 5n, 0xbadn);
    };
    machine.run(() => faults === 2 && machine.harts.some((hart) => hart.mode === "parked"), { maxSteps: 20_000 });
    expect(machine.console).toMatch(/panic|fault/i);
  });
});

function exitsOf(machine: Machine, name: string): number {
  let exits = 0;
  for (const vcpu of machine.vcpus.values()) if (vcpu.cpu?.guest.name === name) exits += vcpu.exits;
  return exits;
}
