// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { exclusion, expandBraces, matcher } from "./glob.ts";

describe("expandBraces", () => {
  it.each([
    ["a", ["a"]],
    ["a{b,c}d", ["abd", "acd"]],
    ["{a,b{c,d}}/*", ["a/*", "bc/*", "bd/*"]],
    ["{a,b}{1,2}", ["a1", "b1", "a2", "b2"]],
    ["odd}", ["odd}"]],
  ])("%s", (pattern, expected) => {
    expect(new Set(expandBraces(pattern))).toEqual(new Set(expected));
  });
});

describe("matcher", () => {
  const fits = matcher(["fs/{ext4,jbd2}/*", "a.b+c", "x?z"]);
  it.each([
    ["fs/ext4/ext4", true],
    ["fs/jbd2/deep/er", true],
    ["fs/xfs/xfs", false],
    ["a.b+c", true],
    ["aXb+c", false],
    ["xyz", true],
    ["xyyz", false],
    ["more/fs/ext4/ext4", false],
  ])("%s is %s", (text, expected) => {
    expect(fits(text)).toBe(expected);
  });

  it("without patterns fits nothing, not even the empty text", () => {
    expect(matcher([])("")).toBe(false);
  });
});

describe("exclusion", () => {
  const isOut = exclusion(["/usr/share/doc/*", "!/usr/share/doc/*/copyright"]);
  it("keeps what is behind an exclamation mark", () => {
    expect(isOut("/usr/share/doc/bash/README")).toBe(true);
    expect(isOut("/usr/share/doc/bash/copyright")).toBe(false);
    expect(isOut("/usr/bin/bash")).toBe(false);
  });
});
