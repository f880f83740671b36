// SPDX-License-Identifier: Apache-2.0
// dtc as oracle, on the trees of QEMU and on random ones, in both directions.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyTree } from "../test/arbitrary.ts";
import { dtc, hasTool, QEMU_MACHINES, qemuTree } from "../test/tools.ts";
import { parse, printDts, serialize } from "./index.ts";

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe.skipIf(!hasTool("dtc") || !hasTool("qemu-system-riscv64"))("QEMU's trees", () => {
  it.each(QEMU_MACHINES)("%s with %i harts survive both ways", (machine, smp) => {
    const blob = qemuTree(machine, smp);
    const tree = parse(blob);
    expect(tree.get("/cpus").children.filter((cpu) => cpu.name.startsWith("cpu@"))).toHaveLength(smp);
    const ours = serialize(tree);
    // dtc reads ours as it reads QEMU's, and writes the same bytes as we do.
    expect(dtc("dtb", "dts", ours).toString()).toBe(dtc("dtb", "dts", blob).toString());
    expect(equal(dtc("dtb", "dtb", blob), ours)).toBe(true);
    // Our source compiles to the identical blob.
    expect(equal(dtc("dts", "dtb", printDts(tree)), ours)).toBe(true);
    // And dtc's own source, compiled by dtc, is the tree that we read.
    expect(equal(serialize(parse(dtc("dts", "dtb", dtc("dtb", "dts", blob)))), ours)).toBe(true);
  });
});

describe.skipIf(!hasTool("dtc"))("random trees", () => {
  it("are read by dtc as we wrote them", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const ours = serialize(tree);
        expect(equal(dtc("dtb", "dtb", ours), ours)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("compile from our source to the identical tree", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const compiled = parse(dtc("dts", "dtb", printDts(tree)));
        // dts says nothing of the boot CPU; dtc guesses it.
        compiled.bootCpu = tree.bootCpu;
        expect(equal(serialize(compiled), serialize(tree))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
