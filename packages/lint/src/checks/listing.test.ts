// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { findFunctions, readFunctions, readSections } from "./listing.ts";

const NM = `
ffffffc000003898 0000000000000092 t w2c_core_a/run/enter
ffffffc00000392a 0000000000000010 T w2c_core_b/run/enterAgain
ffffffc00000397a 0000000000000004 t fp_save
ffffffc000099999 0000000000000008 d data
ffffffc000000000 T no_size
`;
const functions = readFunctions(NM, (symbol) => symbol.replace("w2c_core_", ""));

it("reads functions with their sizes, and nothing else", () => {
  expect(functions.map(({ name, bytes }) => [name, bytes])).toEqual([
    ["a/run/enter", 0x92],
    ["b/run/enterAgain", 0x10],
    ["fp_save", 4],
  ]);
});

it("finds by whole name, then by last word, then by part", () => {
  const names = (wanted: string): string[] => findFunctions(functions, wanted).map(({ name }) => name);
  expect(names("b/run/enterAgain")).toEqual(["b/run/enterAgain"]);
  expect(names("enter")).toEqual(["a/run/enter"]);
  expect(names("RUN/")).toEqual(["a/run/enter", "b/run/enterAgain"]);
  expect(names("absent")).toEqual([]);
});

it("reads the sections that are in memory", () => {
  const text =
    ".text   92170   18446743798831644672\n.bss   344064   18446743798831767552\n.debug_info   473396   0\nTotal 1\n";
  expect([...readSections(text)]).toEqual([
    [".text", 92170],
    [".bss", 344064],
  ]);
});
