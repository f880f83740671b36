// SPDX-License-Identifier: Apache-2.0
// A guest that reboots really starts again from clean memory, however often, and nothing drifts.
import { describe, expect, it } from "vitest";
import {
  type Cpu,
  CSR,
  csrRead,
  decodeHgatp,
  ecall,
  EID,
  fpRead,
  fpWrite,
  type GuestCode,
  load,
  type Machine,
  pause,
  program,
  readStage2,
  store,
  useTraps,
} from "@typeone/sim";
import {
  allSaid,
  domain,
  floatingOn,
  machineWith,
  memoryOf,
  MIB,
  readTree,
  reboot,
  shutdown,
  sleep,
} from "./support.ts";

const quiet = program({
  *boot(cpu) {
    cpu.guest.log.push("done");
    yield* sleep();
  },
});

/** What a guest has of the machine: table pages, mapped bytes, and the linear memory as a whole. */
function holdings(machine: Machine, name: string) {
  const { leaves, tables } = readStage2(machine.ram, decodeHgatp(machine.roots.get(machine.guest(name)) ?? 0n));
  return {
    tables: tables.length,
    mapped: leaves.reduce((sum, leaf) => sum + leaf.size, 0),
    linear: machine.gate.linearSize,
  };
}

describe("reboot", () => {
  it("gives clean memory, reloaded modules and power-on registers, 20 times, with nothing lost", async () => {
    const drift: ReturnType<typeof holdings>[] = [];
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        const { base, size } = memoryOf(yield* readTree(cpu));
        for (let at = base + 0x1000000n; at < base + size; at += 0x500000n) {
          const { value } = yield* load(at, 8);
          if (value !== 0n) cpu.guest.log.push(`left over ${value.toString(16)} at ${at.toString(16)}`);
          yield* store(at, 8, 0xdeadn);
        }
        if (cpu.guest.boots >= 20) {
          cpu.guest.log.push("done");
          return yield* sleep();
        }
        yield* reboot();
      },
    });
    const unlimited = { properties: { "typeone,restart-limit": 0 } };
    const machine = await machineWith([domain("one", guest, unlimited), domain("quiet", quiet)]);
    let boots = 0;
    machine.runUntil(
      () => {
        const { boots: now } = machine.guest("one");
        if (now !== boots) {
          boots = now;
          drift.push(holdings(machine, "one"));
        }
        return allSaid(machine, "done");
      },
      { maxSteps: 400_000 },
    );
    expect(machine.guest("one").log).toEqual(["done"]);
    expect(machine.guest("one").boots).toBe(20);
    expect(new Set(drift.slice(1).map((each) => JSON.stringify(each))).size).toBe(1);
    machine.check();
  });

  it("resets every vCPU, its floating point and its timer", async () => {
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(second), 0n);
        while (cpu.guest.log.filter((word) => word.startsWith("second")).length < cpu.guest.boots) yield* pause();
        if (cpu.guest.boots === 3) return yield* done(cpu);
        yield* reboot();
      },
      routines: [second],
    });
    function* done(cpu: Cpu): GuestCode {
      cpu.guest.log.push("done");
      yield* sleep();
    }
    function* second(cpu: Cpu): GuestCode {
      yield* useTraps(cpu);
      yield* floatingOn();
      cpu.guest.log.push(`second f9=${yield* fpRead(9)} timer=${yield* csrRead(CSR.stimecmp)}`);
      yield* fpWrite(9, 0x1234n);
      yield* ecall(EID.time, 0n, 5n);
      yield* sleep();
    }
    const machine = await machineWith([domain("one", guest, { cpus: 2 })]);
    machine.runUntil(() => allSaid(machine, "done"));
    const lines = machine.guest("one").log.filter((word) => word.startsWith("second"));
    expect(lines.length).toBe(3);
    for (const line of lines) expect(line).toBe(`second f9=0 timer=${(1n << 64n) - 1n}`);
    machine.check();
  });

  it("a guest that shuts down gives its hart to the others, and the machine goes quiet", async () => {
    const guest = program({
      *boot(cpu) {
        cpu.guest.log.push("done");
        yield* shutdown();
      },
    });
    const machine = await machineWith([domain("a", guest), domain("b", guest), domain("quiet", quiet)], { harts: 1 });
    machine.runUntil(() => allSaid(machine, "done"));
    machine.run(() => false, { maxSteps: 20_000, maxTime: 10_000_000n });
    // Idle, or with the one guest that is left, which waits in hardware: nothing is there to be done.
    expect(machine.harts.some((hart) => machine.canAct(hart))).toBe(false);
    expect(machine.guests.map((each) => each.boots)).toEqual([1, 1, 1]);
    machine.check(["a", "b"]);
  });

  it("memory of a guest that shut down is clean before anyone else can have it", async () => {
    const secret = 0x5ec2e75ec2e7n;
    const guest = program({
      *boot(cpu) {
        const { base, size } = memoryOf(yield* readTree(cpu));
        for (let at = base + 0x1000000n; at < base + size; at += 0x100000n) yield* store(at, 8, secret);
        cpu.guest.log.push("done");
        yield* shutdown();
      },
    });
    const machine = await machineWith([domain("a", guest)]);
    let ranges: readonly { hpa: number; size: number }[] = [];
    machine.runUntil(() => allSaid(machine, "done"));
    ranges = readStage2(machine.ram, decodeHgatp(machine.roots.get(machine.guest("a")) ?? 0n)).leaves;
    machine.run(() => false, { maxSteps: 20_000, maxTime: 10_000_000n });
    expect(ranges.reduce((sum, range) => sum + range.size, 0)).toBeGreaterThan(16 * MIB);
    for (const { hpa, size } of ranges) expect(machine.ram.isZero(hpa, size)).toBe(true);
  });
});
