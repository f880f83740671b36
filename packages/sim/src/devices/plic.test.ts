// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HostPlic } from "./plic.ts";

const enableOf = (hart: number): number => 0x2000 + 0x80 * (2 * hart + 1);
const contextOf = (hart: number): number => 0x200000 + 0x1000 * (2 * hart + 1);

function make(harts = 2) {
  const lines = new Map<number, boolean>();
  const plic = new HostPlic(95, harts, (hart, level) => void lines.set(hart, level));
  return { plic, line: (hart: number) => lines.get(hart) ?? false };
}

describe("host PLIC", () => {
  it("offers an enabled source above the threshold to its hart only, and not again before it is completed", () => {
    const { plic, line } = make();
    plic.write(10 * 4, 4, 3);
    plic.write(enableOf(1), 4, 1 << 10);
    plic.setLevel(10, true);
    expect([line(0), line(1)]).toEqual([false, true]);
    plic.write(contextOf(1), 4, 3);
    expect(line(1)).toBe(false);
    plic.write(contextOf(1), 4, 2);
    expect(plic.read(contextOf(1) + 4)).toBe(10);
    expect(line(1)).toBe(false);
    expect(plic.read(contextOf(1) + 4)).toBe(0);
    plic.write(contextOf(1) + 4, 4, 10);
    expect(line(1)).toBe(true);
    plic.setLevel(10, false);
    expect(line(1)).toBe(false);
  });

  it("ignores machine-mode contexts and absent sources", () => {
    const { plic, line } = make();
    plic.write(0x2000, 4, 0xffffffff);
    plic.write(contextOf(0), 4, 0);
    plic.write(3 * 4, 4, 1);
    plic.setLevel(3, true);
    expect(line(0)).toBe(false);
    expect(plic.read(0x2000)).toBe(0);
  });

  it("claims by highest priority, then lowest number, as a plain model does", () => {
    const source = fc.record({ number: fc.integer({ min: 1, max: 95 }), priority: fc.integer({ min: 0, max: 7 }) });
    fc.assert(
      fc.property(fc.uniqueArray(source, { selector: (each) => each.number, maxLength: 20 }), (sources) => {
        const { plic } = make(1);
        for (let word = 0; word < 3; word++) plic.write(enableOf(0) + 4 * word, 4, 0xffffffff);
        for (const { number, priority } of sources) {
          plic.write(number * 4, 4, priority);
          plic.setLevel(number, true);
        }
        const claimed = sources.map(() => plic.read(contextOf(0) + 4)).filter((number) => number !== 0);
        const expected = sources
          .filter(({ priority }) => priority > 0)
          .sort((a, b) => b.priority - a.priority || a.number - b.number)
          .map(({ number }) => number);
        expect(claimed).toEqual(expected);
      }),
    );
  });
});
