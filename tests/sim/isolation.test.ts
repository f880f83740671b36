// SPDX-License-Identifier: Apache-2.0
// What a guest can reach: its own memory and nothing else. Rows B01 to B05 of the list of hostile inputs.
import { describe, expect, it } from "vitest";
import {
  CAUSE,
  compute,
  type Cpu,
  csrTry,
  csrWrite,
  type GuestCode,
  illegal,
  jump,
  load,
  Machine,
  program,
  rawExit,
  store,
  useTraps,
  type Width,
  writeBytes,
} from "@typeone/sim";
import { allSaid, deviceAt, domain, machineWith, MIB, memoryOf, readTree, sleep } from "./support.ts";

/** Fills its memory here and there and checks it again and again, until it is told to stop. */
function heartbeat(stop: () => boolean) {
  return program({
    *boot(cpu) {
      const { base, size } = memoryOf(yield* readTree(cpu));
      const places = Array.from(
        { length: 16 },
        (_, index) => base + (((size / 16n) * BigInt(index)) & ~0xfffn) + 0x8000n,
      );
      for (const at of places) yield* store(at, 8, at ^ 0x5a5a5a5an);
      let beats = 0;
      while (!stop()) {
        for (const at of places) {
          const { value } = yield* load(at, 8);
          if (value !== (at ^ 0x5a5a5a5an)) cpu.guest.log.push(`corrupt at ${at.toString(16)}`);
        }
        beats++;
        yield* compute(200);
      }
      cpu.guest.log.push(`beats ${beats}`, "done");
      yield* sleep();
    },
  });
}

async function besideNeighbour(
  body: (cpu: Cpu) => GuestCode,
  options: Parameters<typeof machineWith>[1] = {},
): Promise<Machine> {
  const failures: unknown[] = [];
  let finished = false;
  const attacker = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      try {
        yield* body(cpu);
      } catch (error) {
        failures.push(error);
      }
      finished = true;
      cpu.guest.log.push("done");
      yield* sleep();
    },
  });
  const machine = await machineWith(
    [
      domain("attacker", attacker),
      domain(
        "neighbour",
        heartbeat(() => finished),
      ),
    ],
    options,
  );
  machine.runUntil(() => allSaid(machine, "done"), { maxSteps: 400_000 });
  if (failures.length > 0) throw failures[0];
  expect(machine.guest("neighbour").log.filter((word) => word.startsWith("corrupt"))).toEqual([]);
  machine.check();
  return machine;
}

describe("addresses that are not the guest's (B01)", () => {
  it.each(["transformed", "zero"] as const)(
    "load, store and fetch give access faults with the address, htinst %s",
    async (htinst) => {
      await besideNeighbour(
        function* (cpu) {
          const { base, size } = memoryOf(yield* readTree(cpu));
          const outside = [
            0n,
            0x1000n,
            base - 8n,
            base + size,
            base + size + 0x40000000n,
            1n << 41n,
            (1n << 50n) - 8n,
            1n << 56n,
            1n << 63n,
            (1n << 64n) - 8n,
          ];
          for (const at of outside) {
            expect((yield* load(at, 8)).fault, at.toString(16)).toEqual({ cause: CAUSE.loadAccess, stval: at });
            expect((yield* store(at, 8, 1n)).fault).toEqual({ cause: CAUSE.storeAccess, stval: at });
            expect((yield* load(at, 4, { compressed: true })).fault?.cause).toBe(CAUSE.loadAccess);
            expect((yield* store(at, 8, 1n, { compressed: true })).fault?.cause).toBe(CAUSE.storeAccess);
            expect((yield* jump(at & ~1n)).fault).toEqual({ cause: CAUSE.fetchAccess, stval: at & ~1n });
          }
        },
        { htinst },
      );
    },
  );

  it("host addresses of the hypervisor, of firmware and of the neighbour mean nothing to a guest", async () => {
    const machine = await Machine.create({ domains: [] });
    const { imageStart, linearBase } = machine.gate;
    await besideNeighbour(function* (cpu) {
      const { base, size } = memoryOf(yield* readTree(cpu));
      for (const hpa of [imageStart, linearBase + 0x10000, machine.treeHpa, 0x80000000, 0x84000000].map(BigInt)) {
        const inside = hpa >= base && hpa < base + size;
        const { fault } = yield* load(hpa, 8);
        if (inside) expect(fault).toBeNull();
        else expect(fault?.cause).toBe(CAUSE.loadAccess);
      }
    });
  });
});

describe("accesses at the edges (B03)", () => {
  it("answers every width at every offset of a device, or faults, misaligned and across its end too", () =>
    besideNeighbour(
      function* (cpu) {
        const tree = yield* readTree(cpu);
        const uart = deviceAt(tree, "ns16550a");
        const plic = [...tree.nodes()].find((node) => node.name.startsWith("plic"))?.cells("reg")?.[1] ?? 0;
        for (const base of [uart, BigInt(plic)]) {
          for (const width of [1, 2, 4, 8] as Width[]) {
            for (const offset of [
              0n,
              1n,
              2n,
              3n,
              4n,
              5n,
              6n,
              7n,
              8n,
              15n,
              0xfcn,
              0xffn,
              0x100n,
              0xff8n,
              0xfffn,
              0x1000n,
            ]) {
              const { value, fault } = yield* load(base + offset, width);
              if (fault) expect([CAUSE.loadAccess, CAUSE.loadMisaligned]).toContain(fault.cause);
              else expect(value).toBeLessThan(1n << BigInt(width * 8));
              const stored = yield* store(base + offset, width, 0n);
              if (stored.fault) expect([CAUSE.storeAccess, CAUSE.storeMisaligned]).toContain(stored.fault.cause);
            }
          }
        }
      },
      { htinst: "random" },
    ));

  it("handles an access that crosses from RAM into nothing", () =>
    besideNeighbour(function* (cpu) {
      const { base, size } = memoryOf(yield* readTree(cpu));
      expect((yield* load(base + size - 4n, 8)).fault?.cause).toBe(CAUSE.loadAccess);
      expect((yield* store(base + size - 4n, 8, 0n)).fault?.cause).toBe(CAUSE.storeAccess);
      expect((yield* load(base + size - 8n, 8)).fault).toBeNull();
    }));
});

describe("instructions that the hypervisor cannot emulate (B02, B04, B05)", () => {
  it("gives the guest an access fault for atomics, floating-point and vector accesses and garbage on a device page", () =>
    besideNeighbour(function* (cpu) {
      const uart = deviceAt(yield* readTree(cpu), "ns16550a");
      const words = [
        0x0805a52f, 0x1005a52f, 0x18b5252f, 0x0005a507, 0x00b5a027, 0x0205e507, 0x00052007, 0x0000, 0xffff, 0xffffffff,
        0x0000006f,
      ];
      for (const word of words) {
        for (const htinst of [0n, BigInt(word >>> 0), 1n, 3n, 0x3000n, 0x3020n, 0xffffffffn, (1n << 64n) - 1n]) {
          for (const cause of [CAUSE.loadGuestPage, CAUSE.storeGuestPage]) {
            const { fault } = yield* rawExit({ cause, stval: uart, htval: uart >> 2n, htinst, word });
            if (fault) expect([CAUSE.loadAccess, CAUSE.storeAccess]).toContain(fault.cause);
          }
        }
      }
    }));

  it("lets the guest execute again when its instruction has gone meanwhile, and forwards implicit faults", () =>
    besideNeighbour(function* () {
      for (const htinst of [0x3000n, 0x3020n]) {
        const { fault } = yield* rawExit({ cause: CAUSE.loadGuestPage, stval: 0x1234n, htval: 0x400n, htinst });
        expect(fault?.cause).toBe(CAUSE.loadAccess);
      }
      expect(
        (yield* rawExit({ cause: CAUSE.fetchGuestPage, stval: 0x4000n, htval: 0x1000n, htinst: 0x3000n })).fault?.cause,
      ).toBe(CAUSE.fetchAccess);
    }));

  it("delivers illegal and virtual instructions, breakpoints and unknown causes to the guest", () =>
    besideNeighbour(function* (_cpu) {
      for (const word of [0, 0xffffffff, 0x30200073, 0x7b200073, 0x62000073, 0x22000073]) {
        expect((yield* illegal(word)).fault?.cause).toBe(CAUSE.illegal);
      }
      for (const cause of [1n, 3n, 4n, 5n, 6n, 7n, 16n, 18n, 24n, 31n, 63n]) {
        expect((yield* rawExit({ cause, stval: 0x77n })).fault).not.toBeNull();
      }
      expect((yield* rawExit({ cause: CAUSE.virtualInstruction, stval: 0n, word: 0x12000073 })).fault?.cause).toBe(
        CAUSE.illegal,
      );
    }));
});

describe("CSRs (B06)", () => {
  it("every CSR number read and written leaves the hypervisor's own registers as they are", { timeout: 60_000 }, () =>
    besideNeighbour(function* () {
      const own = new Set([0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180]);
      for (let csr = 0; csr < 4096; csr += 1) {
        if (own.has(csr)) continue;
        const { fault } = yield* csrTry(csr);
        if (fault) expect(fault.cause).toBe(CAUSE.illegal);
        if (csr % 4 === 0 || (csr >= 0x600 && csr < 0x700)) {
          const written = yield* csrWrite(csr, (1n << 64n) - 1n);
          if (written.fault) expect(written.fault.cause).toBe(CAUSE.illegal);
        }
      }
    }),
  );
});

describe("two guests", () => {
  it("never see each other's stores at the same guest address", async () => {
    const words = new Map<string, bigint[]>();
    const writer = (mark: bigint) =>
      program({
        *boot(cpu) {
          const { base, size } = memoryOf(yield* readTree(cpu));
          const seen: bigint[] = [];
          for (let at = base + 0x1000000n; at < base + size - 0x1000n; at += 0x333000n) {
            seen.push((yield* load(at, 8)).value);
            yield* writeBytes(at, new Uint8Array(64).fill(Number(mark)));
          }
          for (let at = base + 0x1000000n; at < base + size - 0x1000n; at += 0x333000n)
            seen.push((yield* load(at, 1)).value);
          words.set(cpu.guest.name, seen);
          cpu.guest.log.push("done");
          yield* sleep();
        },
      });
    const machine = await machineWith(
      [1n, 2n, 3n].map((mark) => domain(`g${mark}`, writer(mark))),
      { harts: 2, seed: 3 },
    );
    machine.runUntil(() => allSaid(machine, "done"));
    for (const mark of [1n, 2n, 3n]) {
      expect(new Set(words.get(`g${mark}`))).toEqual(new Set([0n, mark]));
    }
    machine.check();
    expect(machine.ram.linearRange()[1]).toBeLessThan(machine.ram.base + 64 * MIB);
  });
});
