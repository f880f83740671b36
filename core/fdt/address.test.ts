// SPDX-License-Identifier: Apache-2.0
// reg and ranges (hostile row A04) against plain models.
import { cells, type FdtNode, FdtTree, node, serialize, u64 } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";

let core: CoreFdt;
beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/read.ts"));
}, 180_000);

const load = (root: FdtNode) => expect(core.load(serialize(new FdtTree(root)))).toBe(Status.Ok);
const U32_MAX = 0xffff_ffff;

describe("reg and ranges", () => {
  const reg = (index: number, path = "/bus/dev") => {
    const status = core.call("fdtReg", core.blob, core.find(path), index, core.out);
    return status === Status.Ok ? core.range() : status;
  };
  const address = (path = "/bus/dev") => {
    const status = core.call("fdtAddress", core.blob, core.find(path), 0, core.out);
    return status === Status.Ok ? core.range() : status;
  };

  it("reads entries of every legal shape", () => {
    const number = (width: number) => fc.bigInt(0n, (1n << BigInt(32 * width)) - 1n);
    const shape = fc
      .tuple(fc.constantFrom(1, 2), fc.constantFrom(0, 1, 2))
      .chain(([ac, sc]) =>
        fc.tuple(
          fc.constant([ac, sc] as const),
          fc.array(fc.tuple(number(ac), number(sc)), { minLength: 1, maxLength: 4 }),
        ),
      );
    const wide = (value: bigint, width: number) => u64(value).slice(8 - width * 4);
    fc.assert(
      fc.property(shape, ([[ac, sc], entries]) => {
        const value = Buffer.concat(entries.flatMap(([base, size]) => [wide(base, ac), wide(size, sc)]));
        load(node("", {}, [node("bus", { "#address-cells": ac, "#size-cells": sc }, [node("dev", { reg: value })])]));
        expect(core.call("fdtRegCount", core.blob, core.find("/bus/dev"))).toBe(entries.length);
        entries.forEach(([base, size], i) =>
          expect(reg(i)).toEqual(base + size >= 1n << 64n ? Status.Range : { base, size }),
        );
        expect(reg(entries.length)).toBe(Status.NotFound);
        expect(reg(U32_MAX)).toBe(Status.NotFound);
      }),
      { numRuns: 300 },
    );
  });

  it("takes two address cells and one size cell where the bus says nothing", () => {
    load(node("", {}, [node("bus", {}, [node("dev", { reg: cells(1, 2, 3) })])]));
    expect(reg(0)).toEqual({ base: 0x1_0000_0002n, size: 3n });
  });

  it.each([
    ["#address-cells 0", { "#address-cells": 0 }],
    ["#address-cells 3", { "#address-cells": 3 }],
    ["#address-cells 0xffffffff", { "#address-cells": U32_MAX }],
    ["#size-cells 3", { "#size-cells": 3 }],
    ["#size-cells 0xffffffff", { "#size-cells": U32_MAX }],
    ["#address-cells of 8 bytes", { "#address-cells": 2n }],
    ["reg that is not a multiple", { "#size-cells": 2 }],
  ])("A04: refuses %s", (_, properties) => {
    load(node("", {}, [node("bus", properties, [node("dev", { reg: cells(0, 0, 1) })])]));
    expect(reg(0)).toBe(Status.Malformed);
    expect(core.call("fdtRegCount", core.blob, core.find("/bus/dev"))).toBe(Status.Malformed);
  });

  it("A04: refuses an empty reg, the root's reg, and a node without one", () => {
    load(node("", { reg: cells(0, 0, 1) }, [node("bus", {}, [node("dev", { reg: true }), node("none")])]));
    expect([reg(0), reg(0, "/"), reg(0, "/bus/none")]).toEqual([Status.Malformed, Status.Malformed, Status.NotFound]);
  });

  const twoBuses = (outer: Uint8Array | true | undefined, inner: Uint8Array | true | undefined, dev: Uint8Array) =>
    load(
      node("", { "#address-cells": 2, "#size-cells": 2 }, [
        node("out", { "#address-cells": 1, "#size-cells": 1, ranges: outer }, [
          node("in", { "#address-cells": 2, "#size-cells": 1, ranges: inner }, [node("dev", { reg: dev })]),
        ]),
      ]),
    );

  it("translates through two buses with different cells", () => {
    twoBuses(cells(0x4000, 0x8, 0x0, 0x1000), cells(1, 0, 0x4800, 0x100, 2, 0, 0x4400, 0x40), cells(2, 0x10, 0x30));
    expect(address("/out/in/dev")).toEqual({ base: 0x8_0000_0410n, size: 0x30n });
  });

  it.each([
    ["identity by empty ranges", true, true, cells(0, 0x10, 4), { base: 0x10n, size: 4n }],
    ["no ranges", undefined, true, cells(0, 0x10, 4), Status.Range],
    ["beyond the window", true, cells(0, 0, 0, 0x13), cells(0, 0x10, 4), Status.Range],
    ["just inside the window", true, cells(0, 0, 0, 0x14), cells(0, 0x10, 4), { base: 0x10n, size: 4n }],
    ["below the window", true, cells(0, 0x11, 0, 0x100), cells(0, 0x10, 4), Status.Range],
    ["an empty window", true, cells(0, 0x10, 0, 0), cells(0, 0x10, 0), Status.Range],
    ["ranges not a multiple", true, cells(0, 0, 0), cells(0, 0x10, 4), Status.Malformed],
    ["a result that wraps", cells(0, U32_MAX, U32_MAX - 7, 0x100), true, cells(0, 0x10, 4), Status.Range],
    ["a device that wraps", true, true, cells(U32_MAX, U32_MAX, 1), Status.Range],
  ])("%s", (_, outer, inner, dev, expected) => {
    twoBuses(outer as true, inner as true, dev);
    expect(address("/out/in/dev")).toEqual(expected);
  });

  it("agrees with a plain model on random windows", () => {
    const small = fc.nat(40);
    const window = fc.tuple(small, fc.oneof(small, fc.constant(U32_MAX)), small, small);
    fc.assert(
      fc.property(
        fc.array(window, { minLength: 1, maxLength: 3 }),
        fc.array(window, { minLength: 1, maxLength: 3 }),
        small,
        fc.nat(8),
        (outer, inner, base, size) => {
          load(
            node("", { "#address-cells": 2 }, [
              node(
                "out",
                {
                  "#address-cells": 1,
                  "#size-cells": 1,
                  ranges: Buffer.concat(outer.map(([c, hi, lo, s]) => cells(c, hi, lo, s))),
                },
                [
                  node(
                    "in",
                    {
                      "#address-cells": 1,
                      "#size-cells": 1,
                      ranges: Buffer.concat(inner.map(([c, , p, s]) => cells(c, p, s))),
                    },
                    [node("dev", { reg: cells(base, size) })],
                  ),
                ],
              ),
            ]),
          );
          const through = (at: bigint | undefined, windows: (readonly [number, bigint, number])[]) => {
            const hit = windows.find(
              ([c, , s]) => at !== undefined && at >= c && at < c + s && at + BigInt(size) <= c + s,
            );
            return at === undefined || hit === undefined ? undefined : at - BigInt(hit[0]) + hit[1];
          };
          const middle = through(
            BigInt(base),
            inner.map(([c, , p, s]) => [c, BigInt(p), s] as const),
          );
          const top = through(
            middle,
            outer.map(([c, hi, lo, s]) => [c, (BigInt(hi) << 32n) | BigInt(lo), s] as const),
          );
          expect(address("/out/in/dev")).toEqual(top === undefined ? Status.Range : { base: top, size: BigInt(size) });
        },
      ),
      { numRuns: 500 },
    );
  });
});
