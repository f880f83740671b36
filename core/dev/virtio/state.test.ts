// SPDX-License-Identifier: Apache-2.0
// A device on MMIO: its registers, its life, resets in every state; and drivers that do not keep to it (hostile rows E01,
// E02, E08, E11).
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  ALL_FEATURES,
  bringUp,
  FEATURE_VERSION_1,
  PIECE,
  PIECES,
  POP,
  QueueBench,
  RAM_BASE,
  REG,
  setUpRing,
  SplitRing,
  STATUS,
  type VirtioBench,
} from "@typeone/sim";

const RAM_END = RAM_BASE + BigInt(PIECE * PIECES);
const BUFFERS = RAM_BASE + 0x2_0000n;
const [HANDLED, RETRY] = [0, 3] as const;
const { acknowledge, driver, driverOk, featuresOk, needsReset, failed } = STATUS;

let test: QueueBench;
let bench: VirtioBench;
beforeAll(async () => {
  test = await QueueBench.load();
  bench = test.bench;
}, 120_000);
beforeEach(() => test.begin());

const load = (register: number, width = 4) => bench.load(test.device, register, width);
const store = (register: number, value: number, width = 4) => bench.store(test.device, register, value, width);
const live = () => bench.field(test.queue, "LIVE");
const one = [{ gpa: BUFFERS, length: 1, write: false }];

describe("registers", () => {
  it("say what the device is", () => {
    expect([load(REG.magic), load(REG.version), load(REG.id)]).toEqual([0x74726976, 2, 4]);
    expect(load(REG.queueMax)).toBe(64);
    store(REG.queueSelect, 2);
    expect(load(REG.queueMax)).toBe(0);
    store(REG.queueSelect, 0xffff_ffff);
    expect([load(REG.queueMax), load(REG.queueReady), store(REG.queueReady, 1)]).toEqual([0, 0, 0]);
    // There is no shared memory: length and base are all ones.
    for (const register of [0xb0, 0xb4, 0xb8, 0xbc]) expect(load(register)).toBe(0xffff_ffff);
    for (const [select, word] of [
      [0, 0x3000_0000],
      [1, 1],
      [2, 0],
      [0xffff_ffff, 0],
    ] as const) {
      store(REG.featuresSelect, select);
      expect(load(REG.features)).toBe(word);
    }
  });

  it("answer every width at every place, and only whole words do anything", () => {
    for (let offset = 0; offset < 0x200; offset++) {
      for (const width of [1, 2, 8]) {
        if (offset % width) continue;
        expect(bench.perform(test.device, 0, offset, 0x5555, width)).toEqual({ status: HANDLED, value: 0n });
        expect(store(offset, 0, width)).toBe(HANDLED);
      }
    }
    expect(test.status()).toBe(0xf);
    expect(live()).toBe(1);
  });

  it("take any word anywhere without harm, and a reset makes the device new", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 0x7f }).map((i) => i * 4),
            fc.oneof(fc.nat(16), fc.integer({ min: 0, max: 0xffff_ffff })),
          ),
          { maxLength: 60 },
        ),
        (writes) => {
          test.begin();
          for (const [register, value] of writes) {
            expect(store(register, value)).toBe(HANDLED);
            load(register);
          }
          expect(store(REG.status, 0)).toBe(HANDLED);
          expect([test.status(), load(REG.interruptStatus), live()]).toEqual([0, 0, 0]);
          const ring = new SplitRing(bench, 8, test.ring.descriptors, test.ring.driver, test.ring.device);
          bench.write(ring.driver + 2n, 2, 0);
          bench.write(ring.device + 2n, 2, 0);
          expect(bringUp(bench, test.device, [ring], ALL_FEATURES)).toBe(0xf);
          ring.offer(one);
          expect(test.pop()).toBe(POP.taken);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("two vCPUs at the registers of one device", () => {
  it("the queue that a register means is chosen once, whatever another vCPU selects meanwhile", () => {
    store(REG.queueSelect, 1);
    const at = test.device + bench.named("QUEUE_SELECT");
    let looks = 0;
    bench.onAtomicLoad = (ptr) => {
      if (ptr !== at) return;
      looks++;
      bench.unit.view().setUint32(at, 0xffff_fff0, true);
    };
    store(REG.queueSize, 32);
    expect([looks, bench.field(bench.call("testQueue", test.device, 1), "SIZE")]).toEqual([1, 32]);
    for (const offset of [REG.queueReady, REG.queueMax]) {
      looks = 0;
      expect([load(offset), looks]).toEqual([0, 1]);
    }
  });
});

describe("the line", () => {
  it("is up until every bit of the interrupt status was acknowledged", () => {
    const level = () => bench.field(test.device, "LEVEL");
    const head = test.ring.offer(one);
    test.pop();
    test.push(head, 0);
    test.announce();
    bench.call("virtioConfigInterrupt", test.device);
    expect([load(REG.interruptStatus), level()]).toEqual([3, 1]);
    store(REG.interruptAck, 1);
    expect([load(REG.interruptStatus), level()]).toEqual([2, 1]);
    store(REG.interruptAck, 0xffff_fffe);
    expect([load(REG.interruptStatus), level()]).toEqual([0, 0]);
    store(REG.interruptAck, 3);
    expect(level()).toBe(0);
  });

  it("falls with a reset", () => {
    bench.call("virtioConfigInterrupt", test.device);
    store(REG.status, 0);
    expect([load(REG.interruptStatus), bench.field(test.device, "LEVEL")]).toEqual([0, 0]);
  });
});

describe("E01: a queue's size and number", () => {
  it.each([0, 3, 255, 257, 512, 65536, 0xffff_ffff])("size %i breaks the device when the queue is enabled", (size) => {
    store(REG.status, 0);
    for (const status of [acknowledge, driver]) store(REG.status, status);
    store(REG.driverFeaturesSelect, 1);
    store(REG.driverFeatures, 1);
    store(REG.status, featuresOk);
    const { ring } = test;
    const { descriptors, driver: avail, device: used } = ring;
    setUpRing(bench, test.device, 0, { size, descriptors, driver: avail, device: used });
    expect(load(REG.queueReady)).toBe(0);
    expect(test.status()).toBe(acknowledge | driver | featuresOk | needsReset);
    // Before DRIVER_OK nobody is interrupted.
    expect(load(REG.interruptStatus)).toBe(0);
    store(REG.status, driverOk);
    expect(live()).toBe(0);
  });

  it("nothing changes while a queue is enabled", () => {
    store(REG.queueSize, 4);
    store(REG.descriptors, 0);
    store(REG.queueReady, 1);
    test.ring.offer(one);
    expect(bench.field(test.queue, "SIZE")).toBe(8);
    expect(test.pop()).toBe(POP.taken);
  });

  it("notifications of queues that there are not, or that are not enabled, do nothing", () => {
    for (const index of [1, 2, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      expect(store(REG.notify, index)).toBe(HANDLED);
    }
    expect(test.status()).toBe(0xf);
  });
});

describe("E02: where a ring is", () => {
  const areas = { descriptors: 128n, driver: 22n, device: 70n };
  const align = { descriptors: 16n, driver: 2n, device: 4n };
  const cases = (Object.keys(areas) as (keyof typeof areas)[]).flatMap((area) =>
    [
      RAM_BASE + align[area] / 2n,
      RAM_BASE - align[area],
      RAM_END,
      RAM_END - areas[area] + (areas[area] % align[area]),
      0n,
      0x1000_1000n, // The device's own registers.
      0x1000_0000n,
      (1n << 64n) - align[area],
      (1n << 63n) + RAM_BASE,
    ].map((gpa) => [area, gpa] as const),
  );
  it.each(cases)("%s at %i breaks the device", (area, gpa) => {
    const inside = gpa >= RAM_BASE && gpa % align[area] === 0n && gpa + areas[area] <= RAM_END;
    store(REG.status, 0);
    const { descriptors, driver: avail, device: used } = test.ring;
    const places: Record<string, bigint> = { descriptors, driver: avail, device: used, [area]: gpa };
    const ring = new SplitRing(bench, 8, places["descriptors"]!, places["driver"]!, places["device"]!);
    const status = bringUp(bench, test.device, [ring], ALL_FEATURES);
    expect(status).toBe(inside ? 0xf : 0xf | needsReset);
    expect(live()).toBe(inside ? 1 : 0);
  });

  it("areas over each other hurt nobody but the driver", () => {
    store(REG.status, 0);
    const at = RAM_BASE + 0x100n;
    const ring = new SplitRing(bench, 8, at, at, at);
    expect(bringUp(bench, test.device, [ring], ALL_FEATURES)).toBe(0xf);
    bench.write(at + 2n, 2, 3);
    for (let i = 0; i < 10; i++) {
      if (test.pop() === POP.taken) test.push(test.head, 1);
      test.announce();
    }
    expect(store(REG.status, 0)).toBe(HANDLED);
  });
});

describe("E08: the status", () => {
  const steps = (features: bigint, ...statuses: number[]) => {
    store(REG.status, 0);
    for (const word of [0, 1]) {
      store(REG.driverFeaturesSelect, word);
      store(REG.driverFeatures, Number((features >> BigInt(word * 32)) & 0xffff_ffffn));
    }
    for (const status of statuses) store(REG.status, status);
    return test.status();
  };

  it("FEATURES_OK stays clear for features that were not offered, or without VERSION_1", () => {
    expect(steps(ALL_FEATURES, 1, 3, 11)).toBe(11);
    for (const features of [0n, ALL_FEATURES ^ FEATURE_VERSION_1, ALL_FEATURES | 1n, ALL_FEATURES | (1n << 63n)]) {
      expect(steps(features, 1, 3, 11)).toBe(3);
      // And without it there is no DRIVER_OK.
      expect(steps(features, 1, 3, 11, 15)).toBe(3);
      expect(steps(features, 0xff)).toBe(0x83);
    }
  });

  it("features do not change once they are agreed on", () => {
    store(REG.driverFeaturesSelect, 0);
    store(REG.driverFeatures, 0xffff_ffff);
    store(REG.status, 15);
    expect(test.status()).toBe(15);
    test.ring.offer(one, RAM_BASE + 0x1_8000n);
    expect(test.pop()).toBe(POP.taken);
  });

  it("junk sets no bit that a driver may not set, and clears none", () => {
    for (const junk of [0x40, 0x30, 0xffff_ff00, 0x10]) {
      store(REG.status, junk);
      expect(test.status()).toBe(0xf);
    }
    store(REG.status, 1);
    expect(test.status()).toBe(0xf);
    expect(live()).toBe(1);
  });

  it("FAILED stops the device until it is reset", () => {
    store(REG.status, failed);
    test.ring.offer(one);
    expect(test.pop()).toBe(POP.none);
    store(REG.status, driverOk);
    expect(test.pop()).toBe(POP.none);
  });

  it("a reset in the middle waits for what is in flight, which then writes nothing", () => {
    const head = test.ring.offer([{ gpa: BUFFERS, length: 8, write: true }]);
    expect(test.pop()).toBe(POP.taken);
    for (let i = 0; i < 3; i++) expect(store(REG.status, 0)).toBe(RETRY);
    // Meanwhile nothing else gets through.
    expect(store(REG.status, 0xf)).toBe(RETRY);
    store(REG.queueReady, 1);
    test.ring.offer(one);
    expect(test.pop()).toBe(POP.none);
    test.push(head, 8);
    test.announce();
    expect([test.ring.usedIndex, load(REG.interruptStatus)]).toEqual([0, 0]);
    expect(store(REG.status, 0)).toBe(HANDLED);
    expect(test.status()).toBe(0);
  });

  it("a queue is taken out of service in the same way", () => {
    const head = test.ring.offer([{ gpa: BUFFERS, length: 8, write: true }]);
    expect(test.pop()).toBe(POP.taken);
    expect([store(REG.queueReady, 0), load(REG.queueReady)]).toEqual([RETRY, 1]);
    test.push(head, 8);
    expect([store(REG.queueReady, 0), load(REG.queueReady)]).toEqual([HANDLED, 0]);
    expect(test.pop()).toBe(POP.none);
  });
});

describe("the life cycle of its guest", () => {
  it("what a fault of ours has left in flight can be forgotten", () => {
    test.ring.offer([{ gpa: BUFFERS, length: 8, write: true }]);
    expect(test.pop()).toBe(POP.taken);
    expect([bench.call("virtioQuiet", test.device), bench.call("virtioQuiet", test.device)]).toEqual([0, 0]);
    bench.call("virtioForget", test.device);
    expect(bench.call("virtioQuiet", test.device)).toBe(1);
  });

  it("a device that is quiet leaves memory alone until it is woken, as after power-on", () => {
    const head = test.ring.offer([{ gpa: BUFFERS, length: 8, write: true }]);
    expect(test.pop()).toBe(POP.taken);
    expect(bench.call("virtioQuiet", test.device)).toBe(0);
    test.push(head, 8);
    expect(bench.call("virtioQuiet", test.device)).toBe(1);
    // A driver that is still there brings nothing about.
    store(REG.status, 0);
    const { ring } = test;
    const anew = () => new SplitRing(bench, 8, ring.descriptors, ring.driver, ring.device);
    bringUp(bench, test.device, [anew()], ALL_FEATURES);
    expect(live()).toBe(0);
    bench.call("virtioWake", test.device);
    expect(test.status()).toBe(0);
    bench.write(ring.driver + 2n, 2, 0);
    bench.write(ring.device + 2n, 2, 0);
    const next = anew();
    bringUp(bench, test.device, [next], ALL_FEATURES);
    next.offer(one);
    expect(test.pop()).toBe(POP.taken);
  });
});

describe("the pool", () => {
  it("gives a record back to whoever needs as many queues, with nothing of the former device in it", () => {
    bench.call("virtioQuiet", test.device);
    bench.call("giveVirtioDevice", test.device);
    expect(bench.call("takeVirtioDevice", 2, 3)).not.toBe(test.device);
    expect(bench.call("takeVirtioDevice", 1, 2)).toBe(test.device);
    for (const name of ["OFFERED", "STATUS_FIELD", "ISR", "BROKEN", "MODEL"]) {
      expect(bench.field(test.device, name)).toBe(0);
    }
    expect([bench.field(test.device, "QUIET"), live(), bench.field(test.queue, "READY")]).toEqual([1, 0, 0]);
    for (const queues of [0, 17]) expect(bench.call("takeVirtioDevice", 1, queues)).toBe(0);
  });
});
