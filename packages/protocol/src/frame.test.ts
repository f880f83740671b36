// SPDX-License-Identifier: Apache-2.0
// Frames: what is encoded comes out again, however it is cut; damage costs no more than what it hit.
import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32, crc32ByTable } from "./crc32.ts";
import { encodeFrame, type Frame, FRAME_MOST, FrameDecoder } from "./frame.ts";
import { WIRE_MAX_BODY } from "./generated.ts";

const body = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .tuple(fc.nat({ max: WIRE_MAX_BODY }), fc.nat({ max: 255 }))
    .map(([length, byte]) => new Uint8Array(length).fill(byte)),
  // Zeros at and around the ends of blocks.
  fc.tuple(fc.nat({ max: 15 }), fc.integer({ min: -3, max: 3 })).map(([blocks, off]) => {
    const bytes = new Uint8Array(blocks * 254 + 20).fill(7);
    for (let at = 254; at < bytes.length; at += 254) bytes[at - 16 + off] = 0;
    return bytes;
  }),
);
const frame: fc.Arbitrary<Frame> = fc.record({
  version: fc.nat({ max: 255 }),
  kind: fc.nat({ max: 255 }),
  session: fc.nat({ max: 0xffffffff }),
  sequence: fc.nat({ max: 0xffffffff }),
  operation: fc.nat({ max: 0xffff }),
  status: fc.integer({ min: -0x8000, max: 0x7fff }),
  body,
});
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
  minLength: 1,
  maxLength: 8,
});

function inPieces(decoder: FrameDecoder, stream: Uint8Array, sizes: readonly number[]): Frame[] {
  const got: Frame[] = [];
  for (let from = 0, turn = 0; from < stream.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    got.push(...decoder.push(stream.subarray(from, from + size)));
    from += size;
  }
  return got;
}

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

it("sums as zlib does, with and without it, whole and in parts", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(), (bytes, at) => {
      const cut = bytes.length === 0 ? 0 : at % bytes.length;
      const sum = crc32ByTable(bytes);
      expect(crc32(bytes)).toBe(sum);
      expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(sum);
      expect(crc32ByTable(bytes.subarray(cut), crc32ByTable(bytes.subarray(0, cut)))).toBe(sum);
    }),
  );
});

it("is laid out as the protocol says", () => {
  const wire = encodeFrame({
    kind: 1,
    session: 0x01020304,
    sequence: 0x11121314,
    operation: 0x2122,
    status: -2,
    body: Uint8Array.of(9),
  });
  // 00, one block of no bytes for the leading zero, then version, kind; a block ends at the reserved zero.
  expect([...wire.subarray(0, 5)]).toEqual([0, 1, 3, 1, 1]);
  expect([...wire.subarray(6, 19)]).toEqual([4, 3, 2, 1, 0x14, 0x13, 0x12, 0x11, 0x22, 0x21, 0xfe, 0xff, 9]);
  expect(wire.at(-1)).toBe(0);
});

it("begins 00 01, has no zero inside, and comes out again in pieces of any size", () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), cuts, (frames, sizes) => {
      const wires = frames.map(encodeFrame);
      for (const wire of wires) {
        expect([...wire.subarray(0, 2)]).toEqual([0, 1]);
        expect(wire.subarray(1, -1).includes(0)).toBe(false);
      }
      const decoder = new FrameDecoder();
      expect(inPieces(decoder, join(wires), sizes)).toEqual(frames);
      expect([decoder.frames, decoder.bad]).toEqual([frames.length, 0]);
    }),
    { numRuns: 300 },
  );
});

it("takes every length of body up to the most, and makes none beyond", () => {
  const decoder = new FrameDecoder();
  const base = { version: 1, kind: 2, session: 1, sequence: 2, operation: 3, status: 0 };
  for (let length = 0; length <= WIRE_MAX_BODY; length += length < 520 || length > 4000 ? 1 : 61) {
    for (const fill of [0, 1]) {
      const sent = { ...base, body: new Uint8Array(length).fill(fill) };
      expect(decoder.push(encodeFrame(sent))).toEqual([sent]);
    }
  }
  expect(() => encodeFrame({ ...base, body: new Uint8Array(WIRE_MAX_BODY + 1) })).toThrow(RangeError);
});

it("loses what was damaged and nothing behind it", () => {
  const good = fc.tuple(fc.constant(true), frame);
  const damage = fc.tuple(
    fc.constant(false),
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: 9000 }).map((length) => new Uint8Array(length).fill(0x41)),
      fc.tuple(frame.map(encodeFrame), fc.nat()).map(([wire, at]) => wire.subarray(0, at % (wire.length - 1))),
      fc.tuple(frame.map(encodeFrame), fc.nat()).map(([wire, at]) => wire.subarray(2 + (at % (wire.length - 2)))),
      fc.tuple(frame.map(encodeFrame), fc.nat(), fc.integer({ min: 1, max: 255 })).map(([wire, at, change]) => {
        const place = 1 + (at % (wire.length - 2));
        wire[place] = (wire[place] as number) ^ change;
        return wire;
      }),
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(good, damage), { maxLength: 8 }), cuts, (parts, sizes) => {
      const decoder = new FrameDecoder();
      // A good frame's own first delimiter ends what was damaged before it.
      const stream = join(parts.map(([whole, part]) => (whole ? encodeFrame(part as Frame) : (part as Uint8Array))));
      const wanted = parts.filter(([whole]) => whole).map(([, part]) => part as Frame);
      expect(inPieces(decoder, stream, sizes)).toEqual(wanted);
      expect(decoder.frames).toBe(wanted.length);
      expect(decoder.bytes).toBe(stream.length);
    }),
    { numRuns: 300 },
  );
});

it("drops a piece that is too long, once, and goes on", () => {
  const decoder = new FrameDecoder();
  const fine = { version: 1, kind: 1, session: 1, sequence: 1, operation: 1, status: 0, body: new Uint8Array(4) };
  expect(decoder.push(new Uint8Array(FRAME_MOST * 3).fill(1))).toEqual([]);
  expect(decoder.push(new Uint8Array(10).fill(1))).toEqual([]);
  expect(decoder.push(encodeFrame(fine))).toEqual([fine]);
  expect([decoder.frames, decoder.bad]).toEqual([1, 1]);
});

it("forgets a frame in the making when told to", () => {
  const decoder = new FrameDecoder();
  const fine = { version: 1, kind: 1, session: 1, sequence: 1, operation: 1, status: 0, body: new Uint8Array(40) };
  decoder.push(encodeFrame(fine).subarray(0, 20));
  decoder.reset();
  expect(decoder.push(encodeFrame(fine))).toEqual([fine]);
  expect(decoder.bad).toBe(0);
});
