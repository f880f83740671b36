// SPDX-License-Identifier: Apache-2.0
// discover.ts on trees that QEMU's virt machine dumped (tests/fixtures/qemu-virt), whole and with bytes changed.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

const FIXTURES = path.resolve(import.meta.dirname, "../../../../tests/fixtures/qemu-virt");
const KIND = { none: 0, plic: 1, aplic: 2, imsic: 3 } as const;
const STATUS = { ok: 0, notFound: -3, malformed: -7 } as const;
const INFO_SIZE = 40;
const HART_SIZE = 24;

let unit: UnitModule;
let fdt: number;
let info: number;

beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/irq/discover.ts");
  fdt = unit.scratch(0x20000);
  info = unit.scratch(0x1000);
});

async function tree(name: string): Promise<Buffer> {
  return readFile(path.join(FIXTURES, `${name}.dtb`));
}

function discover(blob: Buffer): number {
  unit.bytes().fill(0, fdt, fdt + 0x20000);
  unit.bytes().set(blob, fdt);
  return Number(unit.exports["discoverHostIrq"]!(fdt, info));
}

function result() {
  const view = unit.view();
  const harts = view.getUint32(info + 32, true);
  const count = view.getUint32(info + 36, true);
  return {
    kind: view.getUint32(info, true),
    sources: view.getUint32(info + 4, true),
    hpa: view.getBigUint64(info + 8, true),
    size: view.getBigUint64(info + 16, true),
    identities: view.getUint32(info + 24, true),
    guestFiles: view.getUint32(info + 28, true),
    harts: Array.from({ length: count }, (_, i) => {
      const at = harts + i * HART_SIZE;
      return {
        id: view.getBigUint64(at, true),
        file: view.getBigUint64(at + 8, true),
        number: view.getUint32(at + 16, true),
      };
    }),
  };
}

/** Replaces every occurrence of `from` (with its NUL) by text of the same length. */
function rename(blob: Buffer, from: string, to: string): Buffer {
  expect(to.length).toBe(from.length);
  expect(blob.includes(`${from}\0`)).toBe(true);
  return Buffer.from(blob.toString("latin1").replaceAll(`${from}\0`, `${to}\0`), "latin1");
}

describe("discoverHostIrq", () => {
  it("has the record layout that this test reads", async () => {
    expect(discover(await tree("plic-1"))).toBe(STATUS.ok);
    expect(unit.view().getUint32(info + 32, true)).toBe(info + INFO_SIZE);
  });

  it("finds the PLIC's supervisor contexts", async () => {
    expect(discover(await tree("plic-1"))).toBe(STATUS.ok);
    expect(result()).toEqual({
      kind: KIND.plic,
      sources: 95,
      hpa: 0xc000000n,
      size: 0x600000n,
      identities: 0,
      guestFiles: 0,
      harts: [{ id: 0n, file: 0n, number: 1 }],
    });
    expect(discover(await tree("plic-8"))).toBe(STATUS.ok);
    expect(result().harts.map(({ id, number }) => [Number(id), number])).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((hart) => [hart, 2 * hart + 1]),
    );
  });

  it("takes the supervisor's APLIC, not the machine's", async () => {
    expect(discover(await tree("aplic-3"))).toBe(STATUS.ok);
    expect(result()).toMatchObject({ kind: KIND.aplic, sources: 96, hpa: 0xd000000n, size: 0x8000n, identities: 0 });
    expect(result().harts.map(({ id, number }) => [Number(id), number])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });

  it("finds the APLIC behind which IMSICs stand, with their guest files", async () => {
    expect(discover(await tree("imsic-8"))).toBe(STATUS.ok);
    expect(result()).toMatchObject({ kind: KIND.imsic, sources: 96, hpa: 0xd000000n, identities: 255, guestFiles: 3 });
    expect(result().harts).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((hart) => ({
        id: BigInt(hart),
        file: 0x28000000n + 0x4000n * BigInt(hart),
        number: hart,
      })),
    );
  });

  it("numbers harts of several sockets by group and place", async () => {
    expect(discover(await tree("imsic-sockets"))).toBe(STATUS.ok);
    expect(result().harts.map(({ file, number }) => [file, number])).toEqual([
      [0x28000000n, 0],
      [0x28001000n, 1],
      [0x29000000n, 2],
      [0x29001000n, 3],
    ]);
    expect(discover(await tree("plic-sockets"))).toBe(STATUS.ok);
    expect(result().harts.map(({ id, number }) => [Number(id), number])).toEqual([
      [0, 1],
      [1, 3],
    ]);
  });

  it("answers NotFound without a controller that it knows", async () => {
    const other = rename(
      rename(await tree("plic-1"), "riscv,plic0", "other,plic0"),
      "sifive,plic-1.0.0",
      "sifive,plic-9.9.9",
    );
    expect(discover(other)).toBe(STATUS.notFound);
    expect(result().kind).toBe(KIND.none);
    const older = rename(await tree("plic-1"), "riscv,plic0", "other,plic0");
    expect(discover(older)).toBe(STATUS.ok);
  });

  it("answers Malformed for a controller without its counts", async () => {
    expect(discover(rename(await tree("plic-1"), "riscv,ndev", "riscv,ndex"))).toBe(STATUS.malformed);
    expect(discover(rename(await tree("aplic-3"), "riscv,num-sources", "riscv,num-sourcex"))).toBe(STATUS.malformed);
    expect(discover(rename(await tree("imsic-8"), "riscv,num-ids", "riscv,num-idx"))).toBe(STATUS.malformed);
    expect(result().kind).toBe(KIND.none);
  });

  it("survives any change of property data: an answer, and only harts within the table", async () => {
    const names = await Promise.all(["plic-8", "aplic-3", "imsic-8"].map(tree));
    const cells = names.map((blob) => controllerCells(blob));
    fc.assert(
      fc.property(
        fc.nat({ max: names.length - 1 }),
        fc.nat(),
        fc.oneof(
          fc.constantFrom(0, 1, 9, 11, 64, 1023, 1024, 0x7fffffff, 0xffffffff),
          fc.integer({ min: 0, max: 0xffffffff }),
        ),
        (which, where, value) => {
          const blob = Buffer.from(names[which]!);
          const offsets = cells[which]!;
          blob.writeUInt32BE(value, offsets[where % offsets.length]!);
          const status = discover(blob);
          expect(status).toBeLessThanOrEqual(0);
          const found = result();
          expect(found.harts.length).toBeLessThanOrEqual(16);
          expect(found.sources).toBeLessThan(1024);
          if (status !== STATUS.ok) expect(found.kind).toBe(KIND.none);
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Offsets of the cells of every property of interrupt controllers below /soc. */
function controllerCells(blob: Buffer): number[] {
  const strings = blob.readUInt32BE(12);
  let at = blob.readUInt32BE(8);
  const offsets: number[] = [];
  const path: string[] = [];
  for (;;) {
    const token = blob.readUInt32BE(at);
    if (token === 1) {
      const end = blob.indexOf(0, at + 4);
      path.push(blob.toString("latin1", at + 4, end));
      at = (end + 4) & ~3;
    } else if (token === 2) {
      path.pop();
      at += 4;
    } else if (token === 3) {
      const length = blob.readUInt32BE(at + 4);
      const nameAt = strings + blob.readUInt32BE(at + 8);
      const name = blob.toString("latin1", nameAt, blob.indexOf(0, nameAt));
      const controller = /^(plic|interrupt-controller)@/.test(path.at(-1)!);
      if (controller && name !== "compatible") for (let i = 0; i < length; i += 4) offsets.push(at + 12 + i);
      at = (at + 12 + length + 3) & ~3;
    } else return offsets;
  }
}
