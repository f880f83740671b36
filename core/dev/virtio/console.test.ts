// SPDX-License-Identifier: Apache-2.0
// A guest's console on VirtIO: what it sends comes out whole and in order, whatever the chains are and however slowly it is
// read; what is typed goes to the device that the guest sent on last; control messages; hostile drivers (hostile row E11).
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  bringUp,
  FEATURE_EVENT,
  FEATURE_INDIRECT,
  FEATURE_VERSION_1,
  PIECE,
  PIECES,
  RAM_BASE,
  REG,
  SplitRing,
  VirtioBench,
} from "@typeone/sim";

const TYPE_CONSOLE = 3;
const F_SIZE = 1n;
const F_MULTIPORT = 2n;
const F_EMERG = 4n;
const FEATURES = FEATURE_VERSION_1 | FEATURE_EVENT | FEATURE_INDIRECT;
const OUTPUT = RAM_BASE + 0x2_0000n;
const INPUT = RAM_BASE + 0x3_0000n;
const [READY, ADD, PORT_READY, CONSOLE_PORT, OPEN] = [0, 1, 3, 4, 6] as const;

let bench: VirtioBench;
let device: number;
let rings: SplitRing[];
let console: number;
beforeAll(async () => {
  bench = await VirtioBench.load();
}, 120_000);

function begin(features = FEATURES): void {
  bench.begin();
  device = bench.call("testDevice", bench.guest, TYPE_CONSOLE, 4, 0n);
  console = bench.field(bench.guest, "CONSOLE");
  expect(bench.call("consoleCreate", device, 1)).toBe(0);
  bench.call("virtioWake", device);
  rings = [0, 1, 2, 3].map((i) => {
    const at = RAM_BASE + BigInt(i) * 0x1000n;
    return new SplitRing(bench, 16, at, at + 0x200n, at + 0x300n);
  });
  expect(bringUp(bench, device, rings, features)).toBe(0xf);
}
beforeEach(() => begin());

const notify = (queue: number) => bench.store(device, REG.notify, queue);
const goOn = () => {
  if (bench.call("testRequested", bench.guest)) bench.call("virtioContinue", bench.guest);
};
const send = (bytes: ArrayLike<number>, at = OUTPUT) => {
  bench.writeGuest(at, bytes);
  rings[1]!.offer([{ gpa: at, length: bytes.length, write: false }]);
  notify(1);
};
const ringOf = (name: string) => bench.field(console, name);
const counts = (ring: number) => {
  const view = bench.unit.view();
  return { written: view.getUint32(ring + 8, true), read: view.getUint32(ring + 12, true) };
};
/** What the scroll-back holds. */
function shown(): number[] {
  const ring = ringOf("CONSOLE_SCROLL");
  const view = bench.unit.view();
  const [data, capacity] = [view.getUint32(ring, true), view.getUint32(ring + 4, true)];
  const { written, read } = counts(ring);
  return Array.from({ length: written - read }, (_, i) => view.getUint8(data + ((read + i) & (capacity - 1))));
}
const type = (text: string) => {
  for (const byte of Buffer.from(text)) bench.call("consoleGuestInput", console, byte);
  goOn();
};
const listen = (length = 16, count = 1) => {
  for (let i = 0; i < count; i++) rings[0]!.offer([{ gpa: INPUT + BigInt(rings[0]!.next * 64), length, write: true }]);
  notify(0);
};
const heard = () => {
  const first = rings[0]!.seen;
  return rings[0]!
    .collect()
    .map(({ length }, i) => Buffer.from(bench.readGuest(INPUT + BigInt((first + i) * 64), length)).toString());
};

describe("output", () => {
  it("comes out whole and in order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }), { minLength: 1, maxLength: 4 }), {
          maxLength: 12,
        }),
        (chains) => {
          begin();
          const all: number[] = [];
          for (const parts of chains) {
            let at = OUTPUT;
            const buffers = parts.map((part) => {
              bench.writeGuest(at, part);
              all.push(...part);
              const buffer = { gpa: at, length: part.length, write: false };
              at += BigInt(part.length + 3);
              return buffer;
            });
            rings[1]!.offer(buffers);
            notify(1);
            for (let i = 0; i < 3; i++) goOn();
            rings[1]!.collect();
          }
          expect(rings[1]!.out.size).toBe(0);
          expect(shown()).toEqual(all.slice(-16384));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("waits in the queue while nobody reads, and goes on where it was", () => {
    const room = ringOf("CONSOLE_TX");
    const capacity = bench.unit.view().getUint32(room + 4, true);
    // Somebody holds the ring full.
    bench.unit.view().setUint32(room + 8, capacity, true);
    // The toolstack follows and does not read: nothing may leave the ring.
    const bytes = Array.from({ length: 300 }, (_, i) => i & 0xff);
    const hold = holdBack();
    send(bytes);
    expect(rings[1]!.collect()).toEqual([]);
    expect(bench.call("testRequested", bench.guest)).toBe(0);
    hold.give();
    bench.call("consoleGuestOutput", console);
    goOn();
    bench.call("consoleGuestOutput", console);
    goOn();
    expect(rings[1]!.collect()).toHaveLength(1);
    expect(shown().slice(-300)).toEqual(bytes);
  });

  it("E11: a gigabyte without end costs a bounded part of each exit, and loses nothing that is not shown", () => {
    begin();
    const length = PIECE * PIECES - 0x4000;
    rings[1]!.offer([{ gpa: RAM_BASE + 0x4000n, length, write: false }]);
    notify(1);
    let exits = 1;
    for (; rings[1]!.collect().length === 0; exits++) {
      expect(bench.call("testRequested", bench.guest)).not.toBe(0);
      bench.call("virtioContinue", bench.guest);
      expect(exits).toBeLessThan(1000);
    }
    expect(exits).toBeGreaterThanOrEqual(length / 4096);
    expect(exits).toBeLessThan(length / 4096 + 3);
  });

  it("may be an emergency character, before there is any queue", () => {
    bench.store(device, REG.status, 0);
    for (const byte of Buffer.from("oops")) bench.store(device, REG.config + 8, byte);
    expect(Buffer.from(shown()).toString()).toBe("oops");
  });
});

/** Makes the console held back by the toolstack: it follows, and has acknowledged nothing of a full scroll-back. */
function holdBack(): { give: () => void } {
  const named = (name: string) => bench.named(name);
  const view = () => bench.unit.view();
  const scroll = ringOf("CONSOLE_SCROLL");
  const capacity = view().getUint32(scroll + 4, true);
  const end = capacity;
  view().setUint32(scroll + 8, end, true);
  view().setUint32(console + named("CONSOLE_FOLLOWED"), 1, true);
  view().setBigUint64(console + named("CONSOLE_FOLLOW_UNTIL"), 1n << 60n, true);
  view().setUint32(console + named("CONSOLE_ACK"), 0, true);
  return { give: () => view().setUint32(console + named("CONSOLE_ACK"), end, true) };
}

describe("input", () => {
  it("goes to the device that the guest sent on last: first its UART, then the console, and back with a reset", () => {
    listen();
    type("early");
    expect(heard()).toEqual([]);
    const uart = counts(ringOf("CONSOLE_RX"));
    expect(uart.written - uart.read).toBe(5);
    send(Buffer.from("login: "));
    type("root");
    expect(heard()).toEqual(["r", "o", "o", "t"].slice(0, 0).concat(["root"]));
    expect(ringOf("CONSOLE_INPUT")).not.toBe(ringOf("CONSOLE_RX"));
    bench.store(device, REG.status, 0);
    expect(ringOf("CONSOLE_INPUT")).toBe(ringOf("CONSOLE_RX"));
  });

  it("waits for buffers, fills as many as it needs, and is refused when too much waits", () => {
    send(Buffer.from("?"));
    type("0123456789");
    expect(heard()).toEqual([]);
    listen(4, 2);
    expect(heard()).toEqual(["0123", "4567"]);
    listen(4, 2);
    expect(heard()).toEqual(["89"]);
    type("x".repeat(3000));
    listen(64, 14);
    expect(heard().join("")).toHaveLength(4 + 14 * 64);
  });

  it("a buffer that cannot be written goes back empty", () => {
    send(Buffer.from("?"));
    rings[0]!.offer([{ gpa: INPUT, length: 4, write: false }]);
    listen();
    type("ab");
    expect(rings[0]!.collect().map(({ length }) => length)).toEqual([0, 2]);
  });
});

describe("a driver that never runs out of buffers", () => {
  /** Every look at the driver's index finds eight more of the one chain that there is. Answers the chains taken in an exit. */
  function chainsOfAnExit(queue: number, buffer: { gpa: bigint; length: number; write: boolean }): number {
    const ring = rings[queue]!;
    ring.offer([buffer]);
    let index = 1;
    bench.onCopyIn = (hpa) => {
      if (hpa !== bench.hpa(ring.driver + 2n)) return;
      index += 8;
      if (index > 4000) throw new Error("an exit has no end");
      bench.write(ring.driver + 2n, 2, index & 0xffff);
    };
    for (let i = 0; i < ring.size; i++) bench.write(ring.driver + 4n + BigInt(i) * 2n, 2, 0);
    notify(queue);
    return bench.field(bench.call("testQueue", device, queue), "TAKEN");
  }

  it("is held up by the budget of an exit, and goes on after it", () => {
    send([0x24]);
    type("x");
    expect(chainsOfAnExit(0, { gpa: INPUT, length: 16, write: false })).toBe(64);
    expect(bench.call("testRequested", bench.guest)).not.toBe(0);
  });
});

describe("control messages", () => {
  const say = (port: number, event: number, value: number) => {
    const at = OUTPUT + 0x800n;
    bench.write(at, 4, port);
    bench.write(at + 4n, 2, event);
    bench.write(at + 6n, 2, value);
    rings[3]!.offer([{ gpa: at, length: 8, write: false }]);
    notify(3);
    expect(rings[3]!.collect()).toHaveLength(1);
  };
  const open = (count: number) => {
    for (let i = 0; i < count; i++)
      rings[2]!.offer([{ gpa: INPUT + 0x800n + BigInt(rings[2]!.next * 16), length: 16, write: true }]);
    notify(2);
  };
  const told = () => {
    const first = rings[2]!.seen;
    return rings[2]!.collect().map(({ length }, i) => {
      const at = INPUT + 0x800n + BigInt((first + i) * 16);
      expect(length).toBe(8);
      return [bench.read(at, 4), bench.read(at + 4n, 2), bench.read(at + 6n, 2)];
    });
  };
  beforeEach(() => begin(FEATURES | F_MULTIPORT));

  it("tell of the one port, that it is a console, and that it is open", () => {
    open(4);
    say(0, READY, 1);
    expect(told()).toEqual([[0, ADD, 1]]);
    say(0, PORT_READY, 1);
    expect(told()).toEqual([
      [0, CONSOLE_PORT, 1],
      [0, OPEN, 1],
    ]);
    say(0, OPEN, 1);
    expect(told()).toEqual([]);
  });

  it("wait for buffers and do not pile up, and other ports are not there", () => {
    for (let i = 0; i < 5; i++) say(0, READY, 1);
    say(0, PORT_READY, 1);
    for (const port of [1, 31, 0xffff_ffff]) say(port, PORT_READY, 1);
    for (const event of [1, 2, 5, 7, 8, 31, 32, 0xffff]) say(0, event, 1);
    open(8);
    expect(told()).toEqual([
      [0, ADD, 1],
      [0, CONSOLE_PORT, 1],
      [0, OPEN, 1],
    ]);
  });

  it("that are cut short are ignored", () => {
    rings[3]!.offer([{ gpa: OUTPUT, length: 7, write: false }]);
    rings[3]!.offer([{ gpa: OUTPUT, length: 7, write: true }]);
    notify(3);
    expect(rings[3]!.collect()).toHaveLength(2);
    open(4);
    expect(told()).toEqual([]);
  });
});

describe("the configuration", () => {
  it("says size and ports, and zeroes behind its end, at every width", () => {
    const bytes = [80, 0, 24, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    for (let offset = 0; offset < 0x100; offset++) {
      for (const width of [1, 2, 4, 8]) {
        if (offset % width) continue;
        let expected = 0n;
        for (let i = width - 1; i >= 0; i--) expected = (expected << 8n) | BigInt(bytes[offset + i] ?? 0);
        expect(bench.perform(device, 0, REG.config + offset, 0, width)).toEqual({ status: 0, value: expected });
        if (offset !== 8) expect(bench.store(device, REG.config + offset, 0x41, width)).toBe(0);
      }
    }
    expect(shown()).toEqual([]);
  });

  it("a guest has one, and the record of one that went is used again", () => {
    const other = bench.call("testDevice", bench.guest, TYPE_CONSOLE, 4, 0n);
    expect(bench.call("consoleCreate", other, 1)).toBe(-5);
    const model = bench.field(device, "MODEL");
    bench.call("virtioQuiet", device);
    bench.call("consoleDestroy", device);
    expect(bench.field(console, "CONSOLE_VIRTIO")).toBe(0);
    expect(bench.call("consoleCreate", other, 4)).toBe(0);
    expect(bench.field(other, "MODEL")).toBe(model);
    expect(bench.field(other, "OFFERED") & 7).toBe(Number(F_SIZE | F_MULTIPORT | F_EMERG));
  });
});
