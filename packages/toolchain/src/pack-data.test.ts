// SPDX-License-Identifier: Apache-2.0
// What is packed comes out of a straightforward unpacker as it was; text costs one byte a letter.
import fc from "fast-check";
import { expect, it } from "vitest";
import { packData, packSegments, type Segment } from "./pack-data.ts";

/** load_data of runtime/wasm.h, in TypeScript. */
function unpack(packed: Uint8Array, size: number): Uint8Array {
  const memory = new Uint8Array(size);
  let from = 0;
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = packed[from++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (from < packed.length) {
    at += number();
    const count = number();
    for (let i = 0; i < count >> 1; i++, at += 1 + (count & 1)) memory[at] = packed[from++] as number;
  }
  return memory;
}

it("unpacks to what was packed", () => {
  const byte = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 }));
  const piece = fc.oneof(
    fc.array(byte, { minLength: 1, maxLength: 40 }),
    fc.string({ maxLength: 30 }).map((text) => [...Buffer.from(text, "utf16le")]),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), piece)), (parts) => {
      const segments: Segment[] = [];
      const expected = new Uint8Array(20_000);
      let at = 1000;
      for (const [gap, bytes] of parts) {
        at += gap;
        segments.push({ at, bytes: Uint8Array.from(bytes) });
        expected.set(bytes, at - 1000);
        at += bytes.length;
      }
      expect(unpack(packData(segments, 1000), expected.length)).toEqual(expected);
    }),
  );
});

it("takes one byte for a letter", () => {
  const bytes = Uint8Array.from(Buffer.from("a sentence of some length", "utf16le"));
  expect(packData([{ at: 64, bytes }], 64).length).toBeLessThanOrEqual(bytes.length / 2 + 2);
});

it("replaces wasm2c's segments and calls by one of each", () => {
  const source = [
    "static const u8 data_segment_data_w2c_core_d0[] = {",
    "  0x01, 0x02, ",
    "};",
    "",
    "static const u8 data_segment_data_w2c_core_d1[] = {",
    "  0x03, ",
    "};",
    "",
    "static void init_memories(w2c_core* instance) {",
    "  LOAD_DATA(0, 100u, data_segment_data_w2c_core_d0, 2);",
    "  LOAD_DATA(0, 120u, data_segment_data_w2c_core_d1, 1);",
    "}",
    "",
  ].join("\n");
  const packed = packSegments(source);
  expect(packed).toContain("static const u8 packed_data[] = {0,4,1,2,18,2,3};");
  expect(packed.match(/load_data\(100u, packed_data, sizeof packed_data\);/g)).toHaveLength(1);
  expect(packed).not.toMatch(/LOAD_DATA|data_segment/);
  expect(() => packSegments(source.replaceAll("core_d1[]", "core_d2[]"))).toThrow(/no bytes for .*d1/);
});
