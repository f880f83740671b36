// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { parseStageLine, secondStageArgs } from "./second-stage.ts";

describe("parseStageLine", () => {
  it.each([
    ["status: libc6:riscv64: installed\r", { kind: "installed", name: "libc6" }],
    ["status: libc6:riscv64: half-configured", undefined],
    ["status: passwd : error : it failed", undefined],
    ["TYPEONE-IMAGE step: settings\r", { kind: "step", text: "settings" }],
    ["TYPEONE-IMAGE failed: depmod", { kind: "failed", text: "depmod" }],
    ["TYPEONE-IMAGE done\r", { kind: "done" }],
    ["echo TYPEONE-IMAGE done", undefined],
    [
      "typeone: there is no root file system /dev/vda; a shell of the ramdisk follows\r",
      { kind: "failed", text: "there is no root file system /dev/vda" },
    ],
  ])("%j", (line, expected) => {
    expect(parseStageLine(line)).toEqual(expected);
  });
});

describe("secondStageArgs", () => {
  it("escapes commas in the disk's path", () => {
    const args = secondStageArgs({ kernel: "k", ramdisk: "r", disk: "/a,b/disk.raw" });
    expect(args.some((arg) => arg.endsWith("file=/a,,b/disk.raw"))).toBe(true);
  });
});
