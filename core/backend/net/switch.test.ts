// SPDX-License-Identifier: Apache-2.0
// The switch against a plain model: learning, ageing, moves, who may use an address, flooding, VLANs, isolation, ports that
// come and go; and what cannot be made.
import { DROP, ethernet, NetRig, type PortSettings, type TestNic, testMac as mac } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

const BROADCAST = 0xffff_ffff_ffffn;
const GROUP = 0x01_00_5e_00_00_01n >> 8n;
const SECOND = 1_000_000_000n;
const [AGE, QUIET] = [300, 5];
const [OK, INVALID, BUSY] = [0, -1, -5];

beforeAll(async () => void (await NetRig.load()), 120_000);

/** The rules in words: see core/backend/net/table.ts. */
class Model {
  readonly learned = new Map<string, { port: number; seen: number }>();
  readonly ports: (Required<Pick<PortSettings, "mac" | "vlan" | "isolated" | "addresses">> | undefined)[] = [];

  add(settings: PortSettings): boolean {
    const { vlan = 0, isolated = 0, addresses = 8 } = settings;
    if (this.ports.some((port) => port?.mac === settings.mac && port.vlan === vlan)) return false;
    this.learned.delete(`${settings.mac}/${vlan}`);
    this.ports.push({ mac: settings.mac, vlan, isolated, addresses });
    return true;
  }
  remove(index: number): void {
    this.ports[index] = undefined;
    for (const [key, entry] of this.learned) if (entry.port === index) this.learned.delete(key);
  }
  /** Who gets the frame, or why nobody does. */
  send(from: number, source: bigint, to: bigint, second: number): number[] | keyof typeof DROP {
    const port = this.ports[from]!;
    if (source !== port.mac && !this.#learn(from, source, second)) return "spoofed";
    const at = to & 1n ? undefined : this.#find(to, port.vlan, second);
    if (at !== undefined) return this.#reaches(from, at) ? [at] : "nowhere";
    const all = this.ports.flatMap((other, i) => (other?.vlan === port.vlan && this.#reaches(from, i) ? [i] : []));
    return all.length ? all : "nowhere";
  }
  #learn(from: number, source: bigint, second: number): boolean {
    const { vlan, addresses } = this.ports[from]!;
    if (source === 0n || source & 1n) return false;
    if (this.ports.some((port) => port?.mac === source && port.vlan === vlan)) return false;
    const key = `${source}/${vlan}`;
    const entry = this.learned.get(key);
    if (entry?.port === from) {
      entry.seen = second;
      return true;
    }
    if (entry && second - entry.seen < QUIET) return false;
    const mine = [...this.learned].filter(([, { port }]) => port === from);
    if (mine.length >= addresses) {
      // Its own aged ones make room.
      const aged = mine.filter(([, { seen }]) => second - seen >= AGE);
      for (const [old] of aged) this.learned.delete(old);
      if (mine.length - aged.length >= addresses) return false;
    }
    this.learned.set(key, { port: from, seen: second });
    return true;
  }
  #find(to: bigint, vlan: number, second: number): number | undefined {
    const own = this.ports.findIndex((port) => port?.mac === to && port.vlan === vlan);
    if (own >= 0) return own;
    const entry = this.learned.get(`${to}/${vlan}`);
    return entry && second - entry.seen < AGE ? entry.port : undefined;
  }
  #reaches(from: number, to: number): boolean {
    return from !== to && !this.ports[from]!.isolated && !this.ports[to]!.isolated;
  }
}

const PORTS = 4;
const address = fc.oneof(
  fc.integer({ min: 1, max: PORTS + 1 }).map(mac),
  fc.integer({ min: 20, max: 26 }).map(mac),
  fc.constantFrom(BROADCAST, GROUP),
);
const settings = fc.record({
  vlan: fc.constantFrom(0, 0, 0, 7, 4094),
  isolated: fc.constantFrom(0, 0, 0, 1),
  addresses: fc.constantFrom(0, 1, 3),
});
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      from: fc.nat(PORTS - 1),
      foreign: fc.oneof(
        { weight: 2, arbitrary: fc.constant(undefined) },
        { weight: 3, arbitrary: fc.integer({ min: 19, max: 26 }).map(mac) },
        { weight: 1, arbitrary: address },
      ),
      to: address,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 1, 2, 4, 6, 150, 301) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("replace" as const), which: fc.nat(PORTS - 1), settings }),
  },
);

/** Somebody sends to an address that was at its own port until that was forgotten. */
const GONE = 0x1600_0000_0012n;
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const AGED: [{ vlan: number; isolated: number; addresses: number }[], Step[]] = [
  [0, 0, 3, 0].map((addresses) => ({ vlan: 0, isolated: 0, addresses })),
  [
    { kind: "send", from: 2, foreign: GONE, to: GONE },
    { kind: "pass", seconds: 301 },
    { kind: "send", from: 2, foreign: undefined, to: GONE },
  ],
];

describe("a switch against a model", () => {
  it("gives every frame to the same ports, or drops it for the same reason", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(settings, { minLength: PORTS, maxLength: PORTS }),
        fc.array(step, { minLength: 20, maxLength: 120 }),
        async (first, steps) => {
          const rig = await NetRig.load(1);
          const lan = rig.sw("lan");
          const model = new Model();
          const nics: (TestNic | undefined)[] = [];
          /** Where in `nics` and the model the ports of the steps are now. */
          const places: number[] = [];
          const add = (port: PortSettings, area: number) => {
            expect(model.add(port)).toBe(true);
            const nic = rig.nicAt(lan, port, area);
            expect(nic.up()).toBe(0xf);
            nics.push(nic);
            return nics.length - 1;
          };
          for (const [i, port] of first.entries()) places.push(add({ ...port, mac: mac(i + 1) }, i));
          let second = 1;
          let made = PORTS;
          for (const op of steps) {
            if (op.kind === "pass") second += op.seconds;
            else if (op.kind === "replace") {
              if (made === 12) continue;
              const old = places[op.which]!;
              rig.bench.call("netUnplug", nics[old]!.device);
              rig.bench.call("portDestroy", nics[old]!.port);
              nics[old] = undefined;
              model.remove(old);
              made += 1;
              places[op.which] = add({ ...op.settings, mac: mac(op.which + 1) }, op.which);
            } else {
              rig.bench.time = BigInt(second) * SECOND;
              const from = places[op.from]!;
              const source = op.foreign ?? nics[from]!.mac;
              const expected = model.send(from, source, op.to, second);
              for (const nic of nics) if (nic && nic.rx.out.size === 0) nic.offer([200]);
              const before = nics[from]!.counters();
              nics[from]!.send(ethernet(op.to, source, 0x1234, new Uint8Array(50)));
              const got = nics.flatMap((nic, i) => (nic && nic.take().length ? [i] : []));
              const after = nics[from]!.counters();
              if (typeof expected === "string") {
                expect(got).toEqual([]);
                expect(after.drops[DROP[expected]]! - before.drops[DROP[expected]]!).toBe(1);
                expect(after.sent).toBe(before.sent);
              } else {
                expect(got).toEqual(expected);
                expect(after.sent).toBe(before.sent + 1);
              }
            }
          }
        },
      ),
      { numRuns: 150, examples: [AGED] },
    );
  }, 240_000);
});

describe("what cannot be made", () => {
  it("is refused with its reason", async () => {
    const rig = await NetRig.load();
    const lan = rig.sw("lan");
    const make = (port: PortSettings) => {
      const at = rig.createPort(lan, port);
      expect(at === 0).toBe(rig.status !== OK);
      return rig.status;
    };
    for (const bad of [0n, mac(1) | 1n, BROADCAST, 1n << 48n, mac(1) | (1n << 63n)])
      expect(make({ mac: bad })).toBe(INVALID);
    for (const vlan of [4095, 4096, 0xffff_ffff]) expect(make({ mac: mac(1), vlan })).toBe(INVALID);
    for (const mtu of [0, 67, 9001, 65_535]) expect(make({ mac: mac(1), mtu })).toBe(INVALID);
    expect(make({ mac: mac(1), isolated: 2 })).toBe(INVALID);
    expect(make({ mac: mac(1) })).toBe(OK);
    expect(make({ mac: mac(1) })).toBe(BUSY);
    expect(make({ mac: mac(1), vlan: 3 })).toBe(OK);
  });

  it("ends at 8 switches; one name is one switch", async () => {
    const rig = await NetRig.load();
    const made = Array.from({ length: 8 }, (_, i) => rig.sw(`switch${i}`));
    expect(new Set(made).size).toBe(8);
    expect(made).not.toContain(0);
    expect(rig.sw("one more")).toBe(0);
    expect(rig.sw("switch3")).toBe(made[3]);
    expect(rig.sw("switch")).toBe(0);
    expect(rig.sw("")).toBe(0);
    expect(rig.sw("x".repeat(32))).toBe(0);
  });

  it("ends at 128 ports, and begins again where one was taken away", async () => {
    const rig = await NetRig.load();
    const lan = rig.sw("lan");
    const made: number[] = [];
    for (let i = 0; i < 128; i++) {
      made.push(rig.createPort(lan, { mac: mac(i + 1) }));
      expect(rig.status).toBe(OK);
    }
    expect(rig.createPort(lan, { mac: mac(500) })).toBe(0);
    expect(rig.status).toBe(-8);
    rig.bench.call("portDestroy", made[77]!);
    expect(rig.createPort(lan, { mac: mac(500) })).toBe(made[77]);
  });
});

describe("the table of addresses", () => {
  it("is not the playground of one guest: others keep learning while it tries every address", async () => {
    const rig = await NetRig.load();
    const lan = rig.sw("lan");
    const [a, b, c] = [1, 2, 3].map((n) => rig.nic(lan, { mac: mac(n) })) as [TestNic, TestNic, TestNic];
    for (const nic of [a, b, c]) nic.up();
    rig.bench.time = SECOND;
    b.send(ethernet(BROADCAST, mac(300), 0x1234, new Uint8Array(50)));
    for (let i = 0; i < 2000; i++) a.send(ethernet(mac(3), mac(1000 + i), 0x1234, new Uint8Array(50)));
    expect(a.counters().sent).toBe(8);
    expect(a.drops("spoofed")).toBe(1992);
    a.offer([200]);
    b.offer([200]);
    c.offer([200], [200]);
    c.send(ethernet(mac(300), mac(3), 0x1234, new Uint8Array(50)));
    expect([a.take().length, b.take().length]).toEqual([0, 1]);
    b.send(ethernet(mac(3), mac(301), 0x1234, new Uint8Array(50)));
    expect(c.take()).toHaveLength(1);
  });
});
