// SPDX-License-Identifier: Apache-2.0
// Frames against a plain model: every length, zeros and 254-blocks, cuts, garbage and replays, in pieces of any size;
// and no byte beyond a buffer.
import fc from "fast-check";
import { loadUnit, type UnitModule } from "@typeone/sim";
import { beforeAll, beforeEach, expect, it } from "vitest";

const [HEADER, MAX_BODY] = [16, 4096];
const MOST = HEADER + MAX_BODY + 4;

let unit: UnitModule;
let decoder: number;
let buffer: number;
let input: number;
let output: number;

const call = (name: string, ...args: (number | bigint)[]): number => Number(unit.exports[name]!(...args));
const word = (at: number): number => unit.view().getUint32(decoder + at, true);
const ready = (): number => word(16);
const frames = (): number => word(32);
const bad = (): number => word(36);

beforeAll(async () => {
  unit = await loadUnit("core/mgmt/link/frame.testing.ts");
  decoder = unit.scratch(64);
  buffer = unit.scratch(8192);
  input = unit.scratch(0x40000);
  output = unit.scratch(0x10000);
  call("crc32Init");
});

beforeEach(() => {
  unit.bytes().fill(0xee, buffer, buffer + 8192);
  call("decoderInit", decoder, buffer);
});

// ---- The model.

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function cobs(bytes: Uint8Array): number[] {
  const out: number[] = [];
  let block: number[] = [];
  const close = () => {
    out.push(block.length + 1, ...block);
    block = [];
  };
  for (const [index, byte] of bytes.entries()) {
    if (byte === 0) close();
    else block.push(byte);
    if (block.length === 254 && index < bytes.length - 1) close();
  }
  close();
  return out;
}

/** What a stream holds: all of it between zeros, decoded where that is possible. */
function model(stream: Uint8Array): { good: Uint8Array[]; bad: number } {
  const good: Uint8Array[] = [];
  let bad = 0;
  let from = 0;
  for (let at = 0; at < stream.length; at++) {
    if (stream[at] !== 0) continue;
    const piece = stream.subarray(from, at);
    from = at + 1;
    if (piece.length === 0) continue;
    const frame = unstuff(piece);
    if (frame && isFrame(frame)) good.push(frame.subarray(0, frame.length - 4));
    else bad++;
  }
  return { good, bad };
}

function unstuff(piece: Uint8Array): Uint8Array | undefined {
  const out: number[] = [];
  for (let at = 0; at < piece.length;) {
    const code = piece[at] as number;
    if (at + code > piece.length) return undefined;
    out.push(...piece.subarray(at + 1, at + code));
    at += code;
    if (code < 255 && at < piece.length) out.push(0);
  }
  return Uint8Array.from(out);
}

function isFrame(frame: Uint8Array): boolean {
  if (frame.length < HEADER + 4 || frame.length > MOST || frame[0] !== 0) return false;
  const end = frame.length - 4;
  const sum = new DataView(frame.buffer, frame.byteOffset).getUint32(end, true);
  return sum === crcOf(frame.subarray(0, end));
}

function withSum(content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(content.length + 4);
  frame.set(content);
  new DataView(frame.buffer).setUint32(content.length, crcOf(content), true);
  return frame;
}

const onWire = (content: Uint8Array): Uint8Array => Uint8Array.from([0, ...cobs(withSum(content)), 0]);

// ---- What the core does.

function encode(content: Uint8Array): Uint8Array {
  unit.bytes().set(content, input);
  unit.bytes().fill(0xee, output, output + 0x2000);
  const length = call("frameEncode", input, content.length, output);
  expect(unit.bytes()[output + length]).toBe(0xee);
  return unit.bytes().slice(output, output + length);
}

/** Feeds a stream cut at `cuts` (cycled), each piece at another alignment; answers the frames that came out. */
function decode(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const got: Uint8Array[] = [];
  for (let from = 0, turn = 0; from < stream.length; turn++) {
    const piece = stream.subarray(from, from + (cuts[turn % cuts.length] as number));
    from += piece.length;
    let at = input + (turn % 9);
    const end = at + piece.length;
    unit.bytes().set(piece, at);
    while (at < end) {
      const stopped = call("frameDecode", decoder, at, end);
      expect(stopped).toBeGreaterThan(at);
      expect(stopped).toBeLessThanOrEqual(end);
      at = stopped;
      if (ready() !== 0) got.push(unit.bytes().slice(buffer, buffer + ready()));
      else expect(at).toBe(end);
    }
  }
  expect(
    unit
      .bytes()
      .subarray(buffer + MOST, buffer + 8192)
      .every((byte) => byte === 0xee),
  ).toBe(true);
  return got;
}

const body = fc.oneof(
  fc.uint8Array({ maxLength: MAX_BODY, size: "max" }),
  fc.nat({ max: MAX_BODY }).map((length) => new Uint8Array(length)),
  fc
    .tuple(fc.nat({ max: MAX_BODY }), fc.integer({ min: 1, max: 255 }))
    .map(([length, byte]) => new Uint8Array(length).fill(byte)),
  // Zeros at and around the ends of blocks.
  fc.tuple(fc.nat({ max: 16 }), fc.integer({ min: -2, max: 2 })).map(([blocks, off]) => {
    const bytes = new Uint8Array(blocks * 254 + 20).fill(7);
    for (let at = 254; at < bytes.length; at += 254) bytes[Math.max(0, at - 16 + off)] = 0;
    return bytes.subarray(0, MAX_BODY);
  }),
);
const content = fc
  .tuple(fc.uint8Array({ minLength: 15, maxLength: 15 }), body)
  .map(([header, rest]) => Uint8Array.from([0, ...header, ...rest]));
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
  minLength: 1,
  maxLength: 8,
});

it("sums as the model does, at every alignment and length", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => (index * 89 + (index >> 3)) & 0xff);
  for (let shift = 0; shift < 8; shift++) {
    for (let length = 0; length < 290; length += 1 + (shift & 1)) {
      unit.bytes().set(bytes, input + shift);
      const sum = crcOf(bytes.subarray(0, length));
      expect(call("crc32", input + shift, length) >>> 0).toBe(sum);
    }
  }
  expect(crcOf(Buffer.from("123456789"))).toBe(0xcbf43926);
});

it("encodes as the model, begins 00 01, and decodes what it encoded", () => {
  fc.assert(
    fc.property(content, cuts, (bytes, at) => {
      const wire = encode(bytes);
      expect(Buffer.compare(wire, onWire(bytes))).toBe(0);
      expect([...wire.subarray(0, 2)]).toEqual([0, 1]);
      expect(wire.subarray(1, -1).includes(0)).toBe(false);
      const before = frames();
      const got = decode(wire, at);
      expect(got.length).toBe(1);
      expect(Buffer.compare(got[0]!, bytes)).toBe(0);
      expect(frames()).toBe(before + 1);
      expect(bad()).toBe(0);
    }),
    { numRuns: 200 },
  );
});

it("takes every length of body, and none beyond the most", () => {
  for (let length = 0; length <= MAX_BODY; length += length < 600 || length > 3900 ? 1 : 37) {
    for (const fill of length % 8 === 0 ? [0, 1] : [1]) {
      const bytes = new Uint8Array(HEADER + length).fill(fill);
      bytes[0] = 0;
      expect(Buffer.compare(decode(encode(bytes), [8192])[0]!, bytes)).toBe(0);
    }
  }
  for (const fill of [0, 1]) {
    for (const over of [1, 2, 253, 254, 3000]) {
      const bytes = new Uint8Array(HEADER + MAX_BODY + over).fill(fill);
      bytes[0] = 0;
      const wire = onWire(bytes);
      const fine = onWire(new Uint8Array(HEADER));
      expect(decode(Uint8Array.from([...wire, ...fine]), [777]).length).toBe(1);
    }
  }
  expect(bad()).toBe(10);
});

it("drops garbage, cut and changed frames up to the next zero, and nothing else", () => {
  const damage = fc.oneof(
    content.map(onWire),
    content.map((bytes) => Uint8Array.from([...onWire(bytes), ...onWire(bytes)])),
    fc.tuple(content.map(onWire), fc.nat()).map(([wire, at]) => wire.subarray(0, at % wire.length)),
    fc.tuple(content.map(onWire), fc.nat()).map(([wire, at]) => wire.subarray(at % wire.length)),
    fc.tuple(content.map(onWire), fc.nat(), fc.nat({ max: 255 })).map(([wire, at, byte]) => {
      wire[at % wire.length] = byte;
      return wire;
    }),
    fc.uint8Array({ maxLength: 600 }),
    fc.integer({ min: 0, max: 10_000 }).map((length) => new Uint8Array(length).fill(0x41)),
    fc.integer({ min: 0, max: 50 }).map((length) => new Uint8Array(length)),
    // Right but for what it says: too short, or a first byte that is not zero.
    fc.uint8Array({ maxLength: 15 }).map((bytes) => onWire(bytes)),
    fc.uint8Array({ minLength: 16, maxLength: 40 }).map((bytes) => onWire(Uint8Array.from([9, ...bytes]))),
  );
  fc.assert(
    fc.property(fc.array(damage, { maxLength: 8 }), cuts, (parts, at) => {
      call("decoderInit", decoder, buffer);
      const stream = Uint8Array.from([...parts.flatMap((part) => [...part]), 0]);
      const wanted = model(stream);
      const got = decode(stream, at);
      expect(got.map((each) => Buffer.from(each).toString("hex"))).toEqual(
        wanted.good.map((each) => Buffer.from(each).toString("hex")),
      );
      expect(frames()).toBe(wanted.good.length);
      expect(bad()).toBe(wanted.bad);
      expect(unit.view().getBigUint64(decoder, true)).toBe(BigInt(stream.length));
    }),
    { numRuns: 300 },
  );
});

it("forgets a frame in the making when told to", () => {
  const wire = onWire(new Uint8Array(HEADER + 40));
  decode(wire.subarray(0, 30), [30]);
  call("decoderReset", decoder);
  expect(decode(wire, [100]).length).toBe(1);
  expect(bad()).toBe(0);
});
