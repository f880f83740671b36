// SPDX-License-Identifier: Apache-2.0
// Text in the making: numbers, escapes and columns against JavaScript's own, and no byte beyond the line's capacity.
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";

let unit: UnitModule;
let line: number;
let data: number;

beforeAll(async () => {
  unit = await loadUnit("core/lib/line.ts");
  line = unit.scratch(64);
  data = unit.scratch(1024);
});

/** What `fill` appends to an empty line of `capacity` bytes; fails if it wrote behind it. */
function made(fill: () => void, capacity = 512): string {
  unit.bytes().fill(0xee, data, data + 1024);
  unit.exports["lineInit"]!(line, data, capacity);
  fill();
  const length = unit.view().getUint32(line + 8, true);
  expect(length).toBeLessThanOrEqual(capacity);
  expect(
    unit
      .bytes()
      .slice(data + length, data + 1024)
      .every((byte) => byte === 0xee),
  ).toBe(true);
  return Buffer.from(unit.bytes().slice(data, data + length)).toString("latin1");
}

it("writes numbers as JavaScript does", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 1, max: 16 }), (value, digits) => {
      expect(made(() => unit.exports["lineDec"]!(line, value))).toBe(value.toString());
      expect(made(() => unit.exports["lineHex"]!(line, value, digits))).toBe(value.toString(16).padStart(digits, "0"));
    }),
  );
  expect(made(() => unit.exports["lineDec"]!(line, 0n))).toBe("0");
  expect(made(() => unit.exports["lineDec"]!(line, 2n ** 64n - 1n))).toBe("18446744073709551615");
});

it("escapes what is not printable, and keeps within its capacity", () => {
  const bytes = unit.scratch(256);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 300 }), (input, capacity) => {
      unit.bytes().set(input, bytes);
      const escaped = [...input]
        .map((byte) =>
          byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
        )
        .join("");
      expect(made(() => unit.exports["lineEscaped"]!(line, bytes, input.length), capacity)).toBe(
        escaped.slice(0, capacity),
      );
    }),
  );
});

it("fills up to a column, with a blank at least", () => {
  const column = (text: bigint, at: number) =>
    made(() => {
      unit.exports["lineDec"]!(line, text);
      unit.exports["lineColumn"]!(line, at);
      unit.exports["lineDec"]!(line, 7n);
    });
  expect(column(12n, 5)).toBe("12   7");
  expect(column(12345n, 5)).toBe("12345 7");
  expect(column(123456n, 5)).toBe("123456 7");
  expect(made(() => unit.exports["lineColumn"]!(line, 4000), 20)).toBe(" ".repeat(20));
});
