// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { LIMITS, lineCount, measure, median, sizeProblems } from "./sizes.ts";

const lines = (count: number): string => "x\n".repeat(count);
const hw = "export declare function a(): void;\nexport declare function b(): void;\n";

it("counts lines with and without a last newline", () => {
  expect([lineCount("a\nb\n"), lineCount("a\nb"), lineCount("a")]).toEqual([2, 2, 1]);
});

it("takes the median of odd and even counts", () => {
  expect([median([9, 1, 5]), median([4, 1, 2, 9]), median([])]).toEqual([5, 3, 0]);
});

it("measures core without tests, and runtime's assembly and C only", () => {
  const sizes = measure([
    { path: "core/hw.ts", text: hw },
    { path: "core/a/b.ts", text: lines(40) },
    { path: "core/a/b.test.ts", text: lines(900) },
    { path: "runtime/riscv64/entry.S", text: lines(30) },
    { path: "runtime/hw.h", text: lines(12) },
    { path: "runtime/offsets.ts", text: lines(7) },
    { path: "packages/x/src/y.ts", text: lines(2000) },
  ]);
  expect(sizes).toEqual({
    coreFiles: 2,
    coreLines: 42,
    coreMedian: 21,
    coreLargest: { path: "core/a/b.ts", lines: 40 },
    runtimeLines: 42,
    hardwareImports: 2,
  });
  expect(sizeProblems(sizes)).toEqual([]);
});

it("names each broken promise", () => {
  const sizes = {
    coreFiles: 3,
    coreLines: 1,
    coreMedian: LIMITS.coreMedian + 1,
    coreLargest: { path: "core/big.ts", lines: LIMITS.coreFile + 1 },
    runtimeLines: LIMITS.runtimeTotal + 1,
    hardwareImports: LIMITS.hardwareImports + 1,
  };
  expect(sizeProblems(sizes)).toHaveLength(4);
  expect(sizeProblems(measure([]))).toHaveLength(1);
});
