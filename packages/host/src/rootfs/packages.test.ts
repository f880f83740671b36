// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { parseSimulation } from "./packages.ts";

describe("parseSimulation", () => {
  it("reads apt's order, names without architecture, versions with epochs", () => {
    const printed = [
      "Reading package lists...",
      "Inst gcc-14-base (14.2.0-19 Debian:13.1/stable [riscv64])",
      "Inst libc6:riscv64 (2.41-12 Debian:13.1/stable [riscv64]) []",
      "Inst passwd [1:4.0] (1:4.17.4-2 Debian:13.1/stable [riscv64])",
      "Conf libc6 (2.41-12 Debian:13.1/stable [riscv64])",
    ].join("\n");
    expect(parseSimulation(printed)).toEqual([
      { name: "gcc-14-base", version: "14.2.0-19" },
      { name: "libc6", version: "2.41-12" },
      { name: "passwd", version: "1:4.17.4-2" },
    ]);
  });
});
