// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { typeone } from "../testing/run.ts";

describe("rootfs", () => {
  it("builds only what there is a recipe for, and says so before it does anything", async () => {
    const { code, err } = await typeone("rootfs build fedora");
    expect(code).toBe(2);
    expect(err).toContain('no recipe for "fedora", only debian');
    expect(err).not.toContain("check the tools");
  });

  it("lists images as data, or says how to make one", async () => {
    const { code, out } = await typeone("rootfs ls -o json");
    expect(code).toBe(0);
    for (const image of JSON.parse(out) as Record<string, unknown>[]) {
      expect(image["disk"]).toMatch(/\.raw$/);
      expect(image["bytes"]).toBeGreaterThanOrEqual(Number(image["usedBytes"]));
    }
  });
});
