// SPDX-License-Identifier: Apache-2.0
// Checksums and segmentation against a plain reference, for receivers that take what the sender leaves undone and for
// those that do not; and headers that say anything at all (hostile row E10): what is delivered is consistent.
import {
  type Header,
  LINUX,
  macBytes,
  NET,
  NetRig,
  type Received,
  sum16,
  type TestNic,
  testMac as mac,
} from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

const [TCP, UDP] = [6, 17];
const [TCPV4, TCPV6] = [1, 4];
const NEEDS = 1;

beforeAll(async () => void (await NetRig.load()), 120_000);

interface Shape {
  v6: boolean;
  protocol: number;
  /** Words of options behind the transport header (TCP), and behind the IPv4 header. */
  options: number;
  ipOptions: number;
  payload: Uint8Array;
  sequence: number;
  flags: number;
  id: number;
}

const put16 = (bytes: Uint8Array, at: number, value: number) => bytes.set([(value >> 8) & 255, value & 255], at);
const get16 = (bytes: Uint8Array, at: number) => bytes[at]! * 256 + bytes[at + 1]!;
const put32 = (bytes: Uint8Array, at: number, value: number) => new DataView(bytes.buffer).setUint32(at, value >>> 0);
const get32 = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

const transportOf = (shape: Shape) => 14 + (shape.v6 ? 40 : 20 + 4 * shape.ipOptions);
const headersOf = (shape: Shape) => transportOf(shape) + (shape.protocol === TCP ? 20 + 4 * shape.options : 8);
const fieldOf = (shape: Shape) => (shape.protocol === TCP ? 16 : 6);

/** Sum of the pseudo-header. */
function pseudo(frame: Uint8Array, shape: Shape, length: number): number {
  const addresses = shape.v6 ? frame.subarray(22, 54) : frame.subarray(26, 34);
  return sum16(addresses, shape.protocol + (length & 0xffff) + (length >> 16));
}

/** A packet as a kernel leaves it to its device: the checksum field has the pseudo-header's sum. */
function build(shape: Shape): Uint8Array {
  const [transport, headers] = [transportOf(shape), headersOf(shape)];
  const frame = new Uint8Array(headers + shape.payload.length);
  frame.set([...macBytes(mac(2)), ...macBytes(mac(1)), ...(shape.v6 ? [0x86, 0xdd] : [8, 0])]);
  const length = frame.length - transport;
  if (shape.v6) {
    frame.set([0x60, 0, 0, 0, length >> 8, length & 255, shape.protocol, 64], 14);
    for (let i = 22; i < 54; i++) frame[i] = (i * 37) & 255;
  } else {
    frame.set([0x45 + shape.ipOptions, 0], 14);
    put16(frame, 16, frame.length - 14);
    put16(frame, 18, shape.id);
    frame.set([0x40, 0, 64, shape.protocol, 0, 0, 10, 1, 2, 3, 192, 168, 200, 250], 20);
    put16(frame, 24, 0xffff - sum16(frame.subarray(14, transport)));
  }
  put16(frame, transport, 40_000);
  put16(frame, transport + 2, 80);
  if (shape.protocol === TCP) {
    put32(frame, transport + 4, shape.sequence);
    frame[transport + 12] = (5 + shape.options) << 4;
    frame[transport + 13] = shape.flags;
  } else put16(frame, transport + 4, length);
  frame.set(shape.payload, headers);
  put16(frame, transport + fieldOf(shape), pseudo(frame, shape, length));
  return frame;
}

/** For messages that can be read: where two frames differ first. */
function difference(got: Uint8Array, expected: Uint8Array): string {
  if (got.length !== expected.length) return `${got.length} bytes instead of ${expected.length}`;
  const at = got.findIndex((byte, i) => byte !== expected[i]);
  return at < 0 ? "" : `byte ${at} is ${got[at]}, not ${expected[at]}`;
}

/** Whether all checksums of a finished packet are right. */
function isSound(frame: Uint8Array, shape: Shape): boolean {
  const transport = transportOf(shape);
  if (!shape.v6 && sum16(frame.subarray(14, transport)) !== 0xffff) return false;
  return sum16(frame.subarray(transport), pseudo(frame, shape, frame.length - transport)) === 0xffff;
}

/** The frames that hardware makes of a large one, but for their checksums. */
function segments(frame: Uint8Array, shape: Shape, size: number): Uint8Array[] {
  const [transport, headers] = [transportOf(shape), headersOf(shape)];
  const all: Uint8Array[] = [];
  for (let at = headers; at < frame.length; at += size) {
    const part = Uint8Array.from([...frame.subarray(0, headers), ...frame.subarray(at, at + size)]);
    if (shape.v6) put16(part, 18, part.length - 54);
    else {
      put16(part, 16, part.length - 14);
      put16(part, 18, (shape.id + all.length) & 0xffff);
    }
    put32(part, transport + 4, shape.sequence + at - headers);
    let flags = shape.flags;
    if (all.length > 0) flags &= ~0x80;
    if (at + size < frame.length) flags &= ~0x09;
    part[transport + 13] = flags;
    all.push(part);
  }
  return all;
}

/** The same with all checksum fields 0. */
function bare(frame: Uint8Array, shape: Shape): Uint8Array {
  const copy = frame.slice();
  if (!shape.v6) put16(copy, 24, 0);
  put16(copy, transportOf(shape) + fieldOf(shape), 0);
  return copy;
}

const bytes = (max: number) =>
  fc
    .tuple(fc.integer({ min: 1, max }), fc.nat(255), fc.nat(255))
    .map(([length, a, b]) => Uint8Array.from({ length }, (_, i) => (a + i * b + (i >> 8)) & 255));
const shapes = (max: number, protocols: number[]) =>
  fc.record({
    v6: fc.boolean(),
    protocol: fc.constantFrom(...protocols),
    options: fc.nat(10),
    ipOptions: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) }),
    payload: bytes(max),
    sequence: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xffff_ff00)),
    flags: fc.nat(255),
    id: fc.constantFrom(0, 1, 0xfff0, 0xffff),
  });

const wants = (shape: Shape, more: Header = {}): Header => ({
  flags: NEEDS,
  start: transportOf(shape),
  offset: fieldOf(shape),
  ...more,
});

async function pair(features: bigint): Promise<[TestNic, TestNic]> {
  const rig = await NetRig.load(1);
  const lan = rig.sw("lan");
  const a = rig.nic(lan, { mac: mac(1) }, 0x1_8000);
  const b = rig.nic(lan, { mac: mac(2) }, 0x2_8000);
  expect([a.up(), b.up(features)]).toEqual([0xf, 0xf]);
  return [a, b];
}
const PLAIN = LINUX & ~(NET.guestCsum | NET.guestTso4 | NET.guestTso6);
const SUMS = LINUX & ~(NET.guestTso4 | NET.guestTso6);
const fill = (nic: TestNic) => nic.top(50);

describe("a frame that wants a checksum", () => {
  it("comes as it is to who takes it, and complete to who does not", async () => {
    const [taking, plain] = [await pair(LINUX), await pair(PLAIN)];
    fc.assert(
      fc.property(shapes(1300, [TCP, UDP]), fc.integer({ min: 20, max: 1600 }), (shape, piece) => {
        const frame = build(shape);
        for (const [[a, b], done] of [
          [taking, false],
          [plain, true],
        ] as const) {
          fill(b);
          a.send(frame, wants(shape, { headers: 999, size: 7 }), Math.max(piece, 40));
          const [got] = b.take();
          const { start, offset } = wants(shape);
          if (done) {
            expect(got!.header).toMatchObject({ flags: 0, gso: 0, start: 0, offset: 0 });
            expect(isSound(got!.frame, shape)).toBe(true);
            expect(difference(bare(got!.frame, shape), bare(frame, shape))).toBe("");
          } else {
            expect(got!.header).toMatchObject({ flags: NEEDS, gso: 0, start, offset, headers: 0, size: 0 });
            expect(difference(got!.frame, frame)).toBe("");
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("in another protocol is completed by the switch", async () => {
    const [a, b] = await pair(LINUX);
    fc.assert(
      fc.property(
        bytes(1400),
        fc.constantFrom(0x0800, 0x86dd, 0x1234),
        fc.integer({ min: 14, max: 60 }),
        fc.nat(40),
        (payload, type, start, offset) => {
          const frame = Uint8Array.from([
            ...macBytes(mac(2)),
            ...macBytes(mac(1)),
            type >> 8,
            type & 255,
            0x00,
            ...payload,
          ]);
          if (start + offset + 2 > Math.min(frame.length, 116)) return;
          b.offer([1536]);
          a.send(frame, { flags: NEEDS, start, offset });
          const [got] = b.take();
          const expected = frame.slice();
          put16(expected, start + offset, 0xffff - sum16(frame.subarray(start)) || 0xffff);
          expect(got!.header.flags).toBe(0);
          expect(difference(got!.frame, expected)).toBe("");
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("a large frame", () => {
  it("comes whole to who takes it", async () => {
    const [a, b] = await pair(LINUX);
    fc.assert(
      fc.property(shapes(9_000, [TCP]), fc.integer({ min: 536, max: 1380 }), (shape, size) => {
        const frame = build(shape);
        fill(b);
        if (transportOf(shape) + 20 + 4 * shape.options > 116) return;
        a.send(frame, wants(shape, { gso: shape.v6 ? TCPV6 : TCPV4, headers: 3, size }), 0x1000);
        const [got] = b.take();
        expect(difference(got!.frame, frame)).toBe("");
        const large = shape.payload.length > size;
        expect(got!.header).toMatchObject({
          flags: NEEDS,
          gso: large ? (shape.v6 ? TCPV6 : TCPV4) : 0,
          headers: large ? headersOf(shape) : 0,
          size: large ? size : 0,
        });
      }),
      { numRuns: 40 },
    );
  });

  it("is cut and summed for who does not", async () => {
    const pairs = [await pair(PLAIN), await pair(SUMS), await pair(PLAIN & ~NET.mergeable)];
    fc.assert(
      fc.property(
        shapes(8_000, [TCP]),
        fc.integer({ min: 536, max: 1380 }),
        fc.integer({ min: 700, max: 9000 }),
        (shape, size, piece) => {
          const frame = build(shape);
          if (headersOf(shape) > 116) return;
          const expected = segments(frame, shape, size);
          for (const [a, b] of pairs) {
            b.take();
            fill(b);
            a.send(frame, wants(shape, { gso: shape.v6 ? TCPV6 : TCPV4, size }), piece);
            const got = b.take();
            if (got.length === 1 && got[0]!.header.flags === NEEDS) {
              // One part only: not large.
              expect(difference(got[0]!.frame, frame)).toBe("");
              continue;
            }
            expect(got).toHaveLength(expected.length);
            const wrong = got.map((one, i) => difference(bare(one.frame, shape), bare(expected[i]!, shape)));
            expect(wrong.filter((text) => text)).toEqual([]);
            expect(got.every((one) => isSound(one.frame, shape) && one.header.flags === 0)).toBe(true);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

/** What a receiver relies on: where a checksum goes, and how a large frame is to be cut, are inside its headers. */
function consistent({ header, frame }: Received): boolean {
  if (header.flags === 0) return header.gso === 0 && header.start === 0 && header.size === 0;
  if (header.flags !== NEEDS) return false;
  const type = get16(frame, 12);
  const v4 = type === 0x0800;
  if (!v4 && type !== 0x86dd) return false;
  const transport = 14 + (v4 ? (frame[14]! & 15) * 4 : 40);
  const protocol = frame[v4 ? 23 : 20];
  if (header.start !== transport || (v4 && (get16(frame, 20) & 0x3fff) !== 0)) return false;
  if (header.offset !== (protocol === TCP ? 16 : protocol === UDP ? 6 : -1)) return false;
  if (header.start + header.offset + 2 > frame.length) return false;
  if (header.gso === 0) return true;
  const headers = transport + (frame[transport + 12]! >> 4) * 4;
  return (
    protocol === TCP &&
    header.gso === (v4 ? TCPV4 : TCPV6) &&
    header.headers === headers &&
    headers >= transport + 20 &&
    headers < frame.length &&
    header.size >= 8 &&
    header.size + headers <= 1514 &&
    get16(frame, v4 ? 16 : 18) === frame.length - (v4 ? 14 : 54)
  );
}

describe("headers that lie (E10)", () => {
  const byte = fc.nat(255);
  const mess = fc.record({
    flags: fc.constantFrom(0, 1, 1, 1, 2, 3, 0xff),
    gso: fc.constantFrom(0, 0, 1, 4, 3, 5, 0x81, 0x84, 0xff),
    headers: fc.nat(0xffff),
    size: fc.constantFrom(0, 1, 7, 8, 536, 1400, 1460, 1461, 9000, 0xffff),
    start: fc.oneof({ weight: 6, arbitrary: fc.constant(-1) }, fc.nat(200), fc.nat(0xffff)),
    offset: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(6, 16, 16) }, fc.nat(200), fc.nat(0xffff)),
  });
  it("never reach a receiver, and never break anything", async () => {
    const receivers = [await pair(LINUX), await pair(PLAIN)];
    let delivered = 0;
    fc.assert(
      fc.property(
        shapes(4000, [TCP, TCP, UDP, 1, 47]),
        mess,
        fc.array(fc.tuple(fc.integer({ min: 12, max: 80 }), byte), { maxLength: 3 }),
        fc.oneof(fc.constant(5000), fc.integer({ min: 14, max: 4200 })),
        (shape, header, damage, cut) => {
          const frame = build(shape).slice(0, cut);
          for (const [at, value] of damage) if (at < frame.length) frame[at] = value;
          const said = { ...header, start: header.start < 0 ? transportOf(shape) : header.start };
          for (const [a, b] of receivers) {
            fill(b);
            a.send(frame, said);
            for (const one of b.take()) {
              delivered += 1;
              expect(consistent(one)).toBe(true);
              if (b === receivers[1]![1]) expect(one.header.flags).toBe(0);
            }
            expect(a.rig.bench.field(a.device, "BROKEN")).toBe(0);
            const { sent, drops } = a.counters();
            expect(sent + drops.slice(0, 8).reduce((x, y) => x + y)).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(delivered).toBeGreaterThan(100);
  }, 240_000);

  it("that ask for what was not agreed on are dropped", async () => {
    const [a, b] = await pair(LINUX);
    const shape: Shape = {
      v6: false,
      protocol: TCP,
      options: 0,
      ipOptions: 0,
      payload: new Uint8Array(3000),
      sequence: 0,
      flags: 0,
      id: 0,
    };
    const small = { ...shape, payload: new Uint8Array(100) };
    fill(b);
    for (const features of [NET.csum, NET.hostTso4]) {
      a.up(LINUX & ~features);
      a.send(build(shape), wants(shape, { gso: TCPV4, size: 1400 }));
    }
    a.up(LINUX & ~NET.csum);
    a.send(build(small), wants(small));
    expect(a.drops("header")).toBe(3);
    expect(b.take()).toEqual([]);
    expect(get32(build(shape), 38)).toBe(0);
  });
});
