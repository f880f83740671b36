// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CoreFault } from "./faults.ts";
import { Ram } from "./ram.ts";

const BASE = 0x80000000;
const SIZE = 1 << 20;

describe("RAM", () => {
  it("behaves as one flat array with the linear memory laid over a part of it", () => {
    const command = fc.oneof(
      fc.record({ do: fc.constant("write" as const), at: fc.nat(SIZE), length: fc.nat(9000), byte: fc.nat(255) }),
      fc.record({ do: fc.constant("clear" as const), at: fc.nat(SIZE), length: fc.nat(20000), byte: fc.nat(255) }),
      fc.record({ do: fc.constant("copy" as const), at: fc.nat(SIZE), length: fc.nat(20000), byte: fc.nat(255) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
        const ram = new Ram(BASE, SIZE);
        const memory = new WebAssembly.Memory({ initial: 3 });
        ram.attachLinear(memory, BASE + 0x40000, 0x10000, 0x23000);
        const model = new Uint8Array(SIZE);
        for (const { do: what, at, length, byte } of commands) {
          const count = Math.min(length, SIZE - at);
          if (what === "write") {
            ram.write(BASE + at, new Uint8Array(count).fill(byte));
            model.fill(byte, at, at + count);
          } else if (what === "clear") {
            ram.clear(BASE + at, count);
            model.fill(0, at, at + count);
          } else {
            const half = Math.min(count, SIZE >> 1);
            const from = at < SIZE >> 1 ? SIZE - half : 0;
            if (from < at + half && at < from + half) continue;
            ram.copy(BASE + at, BASE + from, half);
            model.copyWithin(at, from, from + half);
          }
        }
        expect(Buffer.compare(ram.read(BASE, SIZE), model)).toBe(0);
        const linear = new Uint8Array(memory.buffer);
        expect(Buffer.compare(linear.subarray(0x10000, 0x23000), model.subarray(0x50000, 0x63000))).toBe(0);
        expect(linear.subarray(0, 0x10000).every((value) => value === 0)).toBe(true);
        expect(ram.isZero(BASE, 0x50000)).toBe(model.subarray(0, 0x50000).every((value) => value === 0));
      }),
      { numRuns: 60 },
    );
  });

  it("faults outside", () => {
    const ram = new Ram(BASE, SIZE);
    for (const [hpa, length] of [
      [BASE - 1, 1],
      [BASE + SIZE, 1],
      [BASE + SIZE - 1, 2],
      [0, 8],
    ] as const) {
      expect(() => ram.read(hpa, length)).toThrow(CoreFault);
      expect(() => ram.write(hpa, new Uint8Array(length))).toThrow(CoreFault);
      expect(() => ram.clear(hpa, length)).toThrow(CoreFault);
    }
  });
});
