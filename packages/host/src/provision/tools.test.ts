// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { aptFix } from "./apt.ts";
import { parseOsRelease } from "./release.ts";
import { installAdvice, isAtLeast } from "./tools.ts";

const BOOKWORM = { id: "debian", codename: "bookworm", major: 12, pretty: "Debian 12" };
const TRIXIE = { id: "debian", codename: "trixie", major: 13, pretty: "Debian 13" };
const MIRROR = { uris: ["http://mirror.example/debian"], suites: ["bookworm"], components: ["main"] };
const ALL = ["qemu-system-riscv", "opensbi", "gcc-riscv64-linux-gnu", "device-tree-compiler"];

describe("isAtLeast", () => {
  it.each([
    ["8.2", "8.2", true],
    ["8.2.1", "8.2", true],
    ["10.0.2", "8.2", true],
    ["8.10", "8.2", true],
    ["7.2.22", "8.2", false],
    ["8", "8.2", false],
    ["20.19.4", "20", true],
  ])("%s against %s is %s", (found, least, expected) => {
    expect(isAtLeast(found, least)).toBe(expected);
  });
});

describe("installAdvice", () => {
  it("takes QEMU and its firmware from backports on Debian 12, and nothing else", () => {
    const lines = installAdvice(ALL, BOOKWORM, MIRROR).split("\n");
    expect(lines[0]).toContain("deb http://mirror.example/debian bookworm-backports main");
    expect(lines[2]).toMatch(/-t bookworm-backports qemu-system-riscv opensbi$/);
    expect(lines[3]).toMatch(/ gcc-riscv64-linux-gnu device-tree-compiler$/);
    expect(lines[3]).not.toContain("-t ");
  });

  it("needs no backports for the compiler alone, nor on Debian 13", () => {
    expect(installAdvice(["gcc-riscv64-linux-gnu"], BOOKWORM, MIRROR)).not.toContain("backports");
    expect(installAdvice(ALL, TRIXIE, MIRROR)).not.toContain("backports");
  });

  it("names the packages elsewhere", () => {
    expect(installAdvice(ALL, undefined, undefined)).toContain(ALL.join(" "));
  });
});

describe("aptFix", () => {
  it("knows the usual causes", () => {
    expect(aptFix("W: GPG error: ... NO_PUBKEY 6ED0E7B82643E131")).toContain("debian-archive-keyring");
    expect(aptFix("E: Could not resolve 'mirror.example'")).toContain("network");
    expect(aptFix("E: something else")).toBeUndefined();
  });
});

describe("parseOsRelease", () => {
  it("reads quoted and bare values", () => {
    const text =
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n';
    expect(parseOsRelease(text)).toEqual({ ...BOOKWORM, pretty: "Debian GNU/Linux 12 (bookworm)" });
    expect(parseOsRelease("ID=debian\n").major).toBe(0);
  });
});
