// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { formatProblem, formatSize, parseHarts, parseSize } from "./index.ts";

describe("small parts", () => {
  it.each([
    [256, 256 << 20],
    ["1GiB", 2 ** 30],
    ["1.5 g", 1.5 * 2 ** 30],
    ["64", 64 << 20],
    ["2048KiB", 2 << 20],
    ["1T", 2 ** 40],
    ["4096B", 4096],
  ])("size %j", (given, bytes) => {
    expect(parseSize(given)).toBe(bytes);
  });

  it.each(["", "MiB", "-1", "1MB", "1 Mi B", "1e3", "0x10", "NaN"])("no size: %j", (given) => {
    expect(parseSize(given)).toHaveProperty("fix");
  });

  it.each([
    ["0-3,^1", { all: false, named: [0, 2, 3], except: [1] }],
    [2, { all: false, named: [2], except: [] }],
    [["3", 1], { all: false, named: [1, 3], except: [] }],
    ["all,^0", { all: true, named: [], except: [0] }],
    [" 1 , 1 ", { all: false, named: [1], except: [] }],
  ])("harts %j", (given, set) => {
    expect(parseHarts(given)).toEqual(set);
  });

  it("sizes are written as people read them", () => {
    expect([2 ** 30, 3 << 20, 5 << 10, 100, 2 ** 40, (3 << 20) + 1].map(formatSize)).toEqual([
      "1 GiB",
      "3 MiB",
      "5 KiB",
      "100 bytes",
      "1 TiB",
      "3.0 MiB",
    ]);
  });

  it("problems in colour and plain", () => {
    const problem = {
      severity: "error",
      file: "f",
      line: 3,
      column: 4,
      path: "a.b",
      message: "is wrong",
      fix: "mend\nit",
    } as const;
    expect(formatProblem(problem, { color: "never" })).toBe("f:3:4: error: a.b: is wrong\n  fix: mend\n       it");
    const colored = formatProblem(problem, { color: "always" });
    expect(colored).toContain("\u001b[31m");
    expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(formatProblem(problem, { color: "never" }));
  });
});
