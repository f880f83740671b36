// SPDX-License-Identifier: Apache-2.0
// Guest devices through the whole path: exit, decoding, bus, device, interrupt controller, delivery to the guest, and the
// host's own serial line behind them.
import { describe, expect, it } from "vitest";
import { type Aia, type Cpu, ecall, EID, enableInterrupts, type GuestCode, load, program, store } from "@typeone/sim";
import { allSaid, deviceAt, domain, machineWith, readTree, sleep, waitFor } from "./support.ts";

const SEIE = 1n << 9n;

/** Addresses that the interrupt handler needs, by guest name. */
interface Board {
  readonly uart: bigint;
  readonly plic: bigint;
  readonly irq: number;
}

function* findBoard(cpu: Cpu): GuestCode<Board> {
  const tree = yield* readTree(cpu);
  const plic = [...tree.nodes()].find((node) => (node.strings("compatible") ?? []).some((name) => /plic/.test(name)));
  const [high = 0, low = 0] = plic?.cells("reg") ?? [];
  const irq = tree.compatible("ns16550a")[0]?.cells("interrupts")?.[0] ?? 0;
  return { uart: deviceAt(tree, "ns16550a"), plic: (BigInt(high) << 32n) | BigInt(low), irq };
}

/** Register offset of a context of the guest's PLIC: supervisor contexts may have even or consecutive numbers. */
function context(cpu: Cpu, stride: number): bigint {
  return BigInt(cpu.hart * stride);
}

describe("guest UART", () => {
  const controllers: readonly Aia[] = ["none", "aplic", "aplic-imsic"];
  it.each(controllers)("sends to the host's console, by polling, on a host with aia %s", async (aia) => {
    const guest = program({
      *boot(cpu) {
        const { uart } = yield* findBoard(cpu);
        for (const byte of new TextEncoder().encode("hello from a guest\n")) {
          for (;;) {
            const { value } = yield* load(uart + 5n, 1);
            if ((value & 0x20n) !== 0n) break;
          }
          yield* store(uart, 1, byte);
        }
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("one", guest)], { aia, htinst: "random" });
    machine.runUntil(() => allSaid(machine, "done") && machine.console.includes("hello from a guest"));
    machine.check();
  });

  it("raises its transmit interrupt through the guest's PLIC, claimed and completed once each time", async () => {
    const boards = new Map<string, Board>();
    const claims: bigint[] = [];
    const guest = program({
      *boot(cpu) {
        const board = yield* findBoard(cpu);
        boards.set(cpu.guest.name, board);
        const { uart, plic, irq } = board;
        yield* enableInterrupts(cpu, SEIE);
        yield* store(plic + BigInt(4 * irq), 4, 1n);
        for (let number = 0; number < 2; number++) {
          yield* store(plic + 0x2000n + BigInt(number * 0x80), 4, 1n << BigInt(irq));
          yield* store(plic + 0x200000n + BigInt(number * 0x1000), 4, 0n);
        }
        yield* store(uart + 1n, 1, 2n);
        yield* waitFor(() => claims.length >= 1);
        yield* store(uart, 1, 0x41n);
        yield* waitFor(() => claims.length >= 2);
        yield* store(uart + 1n, 1, 0n);
        cpu.guest.log.push("done");
        yield* sleep();
      },
      *onInterrupt(cpu) {
        const board = boards.get(cpu.guest.name);
        if (!board) return;
        for (let number = 0; number < 2; number++) {
          const at = board.plic + 0x200004n + BigInt(number * 0x1000) + context(cpu, 0);
          const { value } = yield* load(at, 4);
          if (value === 0n) continue;
          claims.push(value);
          yield* load(board.uart + 2n, 1);
          yield* store(at, 4, value);
        }
      },
    });
    const machine = await machineWith([domain("one", guest)]);
    machine.runUntil(() => allSaid(machine, "done"));
    const irq = BigInt(boards.get("one")?.irq ?? 0);
    expect(claims.slice(0, 2)).toEqual([irq, irq]);
    expect(claims.length).toBeLessThanOrEqual(3);
    machine.check();
  });
});

describe("host serial line", () => {
  it.each(["none", "aplic", "aplic-imsic"] as const)(
    "takes typed input by interrupt and answers at the prompt, aia %s",
    async (aia) => {
      const guest = program({
        *boot(cpu) {
          cpu.guest.log.push("done");
          yield* sleep();
        },
      });
      const machine = await machineWith([domain("one", guest)], { aia });
      machine.runUntil(() => allSaid(machine, "done"));
      machine.run(() => false, { maxSteps: 500, maxTime: 1_000_000n });
      const before = machine.console.length;
      machine.devices.uart.inject("guest list\r");
      machine.run(() => machine.console.slice(before).includes("one"), { maxSteps: 20_000, maxTime: 100_000_000n });
      expect(machine.devices.uart.waiting).toBe(0);
      expect(machine.console.slice(before)).toMatch(/one/);
      machine.check();
    },
  );

  it("is not fooled by a guest that floods it: the flood is bounded and the neighbour's words come through (C05)", async () => {
    const flood = program({
      *boot(cpu) {
        for (let round = 0; round < 3000; round++) yield* ecall(EID.dbcn, 2n, 0x78n);
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const quiet = program({
      *boot(cpu) {
        for (const byte of new TextEncoder().encode("neighbour speaks\n")) yield* ecall(EID.dbcn, 2n, BigInt(byte));
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("flood", flood), domain("quiet", quiet)]);
    machine.runUntil(() => allSaid(machine, "done") && machine.console.includes("neighbour speaks"));
    expect(machine.console.length).toBeLessThan(16 * 1024);
    machine.check();
  });
});
