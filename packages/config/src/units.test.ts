// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { formatProblem, formatSize, parseHarts, parseSize } from "./index.ts";
import { parseMac, parseRate, parseSectors } from "./units.ts";

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

  it.each([
    [1000, 1000],
    ["1000", 1000],
    ["10MB/s", 10_000_000],
    ["1.5MiB/s", 1.5 * 2 ** 20],
    ["100Mbit/s", 12_500_000],
    ["10Mb/s", 1_250_000],
    ["8b/s", 1],
    [" 1GB/s ", 1e9],
  ])("rate %j", (given, rate) => expect(parseRate(given)).toBe(rate));

  it.each(["", "fast", "10MB", "-1", "7b/s", 0, 0.5])("no rate: %j", (given) => {
    expect(parseRate(given)).toHaveProperty("fix");
  });

  it.each([
    [2048, 2048],
    ["2048", 2048],
    ["1MiB", 2048],
    ["512B", 1],
    [0, 0],
  ])("sectors %j", (given, sectors) => expect(parseSectors(given)).toBe(sectors));

  it.each(["", "100B", 1.5, -1, "1MB"])("no sectors: %j", (given) => {
    expect(parseSectors(given)).toHaveProperty("fix");
  });

  it("MAC addresses are of one form", () => {
    expect(parseMac(" 52-54-00-AB-cd-EF ")).toBe("52:54:00:ab:cd:ef");
    for (const given of ["", "52:54:00:12:34", "5254.0012.3456", "01:00:00:00:00:00", "00:00:00:00:00:00"])
      expect(parseMac(given)).toHaveProperty("fix");
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
