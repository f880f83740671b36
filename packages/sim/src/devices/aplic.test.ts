// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { HostAplic, SOURCE_MODE } from "./aplic.ts";
import { HostImsic } from "./imsic.ts";

const sourcecfg = (source: number): number => 4 * source;
const target = (source: number): number => 0x3000 + 4 * source;
const idc = (hart: number): number => 0x4000 + 32 * hart;

describe("host APLIC, direct delivery", () => {
  function make() {
    const lines = [false, false];
    const aplic = new HostAplic({ sources: 96, harts: 2, drive: (hart, level) => void (lines[hart] = level) });
    aplic.write(sourcecfg(10), 4, SOURCE_MODE.high);
    aplic.write(target(10), 4, (1 << 18) | 5);
    aplic.write(0x1edc, 4, 10);
    aplic.write(idc(1), 4, 1);
    return { aplic, lines };
  }

  it("needs domaincfg.IE, delivers to the target hart, and follows the level", () => {
    const { aplic, lines } = make();
    aplic.setLevel(10, true);
    expect(lines).toEqual([false, false]);
    aplic.write(0, 4, 0x100);
    expect(lines).toEqual([false, true]);
    expect(aplic.read(idc(1) + 0x1c)).toBe((10 << 16) | 5);
    expect(lines[1]).toBe(true);
    aplic.setLevel(10, false);
    expect(lines[1]).toBe(false);
    expect(aplic.read(idc(1) + 0x1c)).toBe(0);
  });

  it("clears an edge by claiming it, honours threshold and disable", () => {
    const { aplic, lines } = make();
    aplic.write(0, 4, 0x100);
    aplic.write(sourcecfg(10), 4, SOURCE_MODE.rising);
    aplic.setLevel(10, true);
    aplic.setLevel(10, false);
    expect(lines[1]).toBe(true);
    aplic.write(idc(1) + 8, 4, 5);
    expect(lines[1]).toBe(false);
    aplic.write(idc(1) + 8, 4, 6);
    expect(lines[1]).toBe(true);
    aplic.write(0x1fdc, 4, 10);
    expect(lines[1]).toBe(false);
    aplic.write(0x1edc, 4, 10);
    expect(aplic.read(idc(1) + 0x1c) >>> 16).toBe(10);
    expect(lines[1]).toBe(false);
  });

  it("reads nothing of an inactive source and never shows source 0", () => {
    const { aplic } = make();
    aplic.write(sourcecfg(11), 4, 0);
    aplic.write(0x1edc, 4, 11);
    expect(aplic.read(0x1e00)).toBe(1 << 10);
    aplic.write(0x1e00, 4, 1);
    expect(aplic.read(0x1e00) & 1).toBe(0);
  });
});

describe("host APLIC with IMSIC", () => {
  it("sends one message per assertion, and again when asked while the level stands", () => {
    const lines = [false, false];
    const imsic = new HostImsic(2, 0, (hart, level) => void (lines[hart] = level));
    const aplic = new HostAplic({
      sources: 96,
      harts: 2,
      drive: () => {},
      message: (hart, _file, identity) => imsic.files[hart]?.message(identity),
    });
    const file = imsic.files[1];
    if (!file) throw new Error("no file");
    aplic.write(0, 4, 0x104);
    expect(aplic.read(0) & 0x104).toBe(0x104);
    aplic.write(sourcecfg(10), 4, SOURCE_MODE.high);
    aplic.write(target(10), 4, (1 << 18) | 42);
    aplic.write(0x1edc, 4, 10);
    file.select = 0xc0n;
    file.writeIndirect(1n << 42n);
    file.select = 0x70n;
    file.writeIndirect(1n);
    aplic.setLevel(10, true);
    expect(lines).toEqual([false, true]);
    expect(file.top()).toBe((42n << 16n) | 42n);
    file.claim();
    expect(lines[1]).toBe(false);
    expect(aplic.read(0x1c00)).toBe(0);
    aplic.write(0x1cdc, 4, 10);
    expect(lines[1]).toBe(true);
    file.claim();
    aplic.write(0x2000, 4, 10);
    expect(lines[1]).toBe(true);
    file.claim();
    aplic.setLevel(10, false);
    aplic.write(0x1cdc, 4, 10);
    expect(lines[1]).toBe(false);
  });

  it("takes messages by MMIO, honours threshold, and has no odd registers", () => {
    const lines = [false];
    const imsic = new HostImsic(1, 0, (hart, level) => void (lines[hart] = level));
    const file = imsic.files[0];
    if (!file) throw new Error("no file");
    file.select = 0x70n;
    file.writeIndirect(1n);
    file.select = 0xc2n;
    file.writeIndirect(0xffffn);
    imsic.write(0, 4, 70);
    expect(lines[0]).toBe(true);
    file.select = 0x72n;
    file.writeIndirect(70n);
    expect(lines[0]).toBe(false);
    file.writeIndirect(71n);
    expect(lines[0]).toBe(true);
    file.select = 0x81n;
    expect(file.readIndirect()).toBe(0n);
    file.select = 0x82n;
    expect(file.readIndirect()).toBe(1n << 6n);
    imsic.write(0, 4, 4000);
    expect(file.top()).toBe((70n << 16n) | 70n);
  });
});
