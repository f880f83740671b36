// SPDX-License-Identifier: Apache-2.0
// The real-time clock against a plain model, and hostile accesses (hostile rows B03 and E12).
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const [TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH] = [0, 4, 8, 12] as const;
const [IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT] = [16, 20, 24, 28] as const;
const WORD = 0xffff_ffffn;
const OFF = (1n << 64n) - 1n;
const wrap = (value: bigint) => BigInt.asUintN(64, value);

let unit: UnitModule;
let access: number;
let rtc: number;
beforeAll(async () => {
  unit = await loadUnit("core/dev/goldfish-rtc.ts");
  access = unit.scratch(4096);
  rtc = access + 256;
});

const setup = (base: bigint): void => {
  unit.bytes().fill(0xa5, access, access + 4096);
  unit.exports["rtcInit"]!(rtc, base);
};
function perform(
  write: number,
  offset: bigint,
  value: bigint,
  now: bigint,
  width = 4,
): { status: number; value: bigint } {
  const view = unit.view();
  view.setBigUint64(access, offset, true);
  view.setBigUint64(access + 8, value, true);
  view.setUint32(access + 16, width, true);
  view.setUint32(access + 20, write, true);
  const status = Number(unit.exports["rtcAccess"]!(rtc, access, now));
  return { status, value: unit.view().getBigUint64(access + 8, true) };
}
function read(register: number, now: bigint): bigint {
  const answer = perform(0, BigInt(register), 0xdead_beef_dead_beefn, now);
  expect(answer.status).toBe(0);
  return answer.value;
}
const write = (register: number, value: bigint, now: bigint) =>
  expect(perform(1, BigInt(register), value, now).status).toBe(0);
const level = () => unit.view().getUint32(rtc, true);
const alarm = () => unit.view().getBigUint64(rtc + 16, true);

class Model {
  offset: bigint;
  alarmTime = 0n;
  armed = false;
  latched = 0n;
  enabled = false;
  pending = false;

  constructor(base: bigint) {
    this.offset = base;
  }
  tick(now: bigint): void {
    if (this.armed && wrap(now + this.offset) >= this.alarmTime) {
      this.armed = false;
      this.pending = true;
    }
  }
  read(register: number, now: bigint): bigint {
    this.tick(now);
    const time = wrap(now + this.offset);
    if (register === TIME_LOW) {
      this.latched = time >> 32n;
      return time & WORD;
    }
    if (register === TIME_HIGH) return this.latched;
    if (register === ALARM_LOW) return this.alarmTime & WORD;
    if (register === ALARM_HIGH) return this.alarmTime >> 32n;
    if (register === IRQ_ENABLED) return this.enabled ? 1n : 0n;
    if (register === ALARM_STATUS) return this.armed ? 1n : 0n;
    return 0n;
  }
  write(register: number, value: bigint, now: bigint): void {
    this.tick(now);
    const time = wrap(now + this.offset);
    if (register === TIME_LOW) this.offset = wrap(((time >> 32n) << 32n) + value - now);
    if (register === TIME_HIGH) this.offset = wrap((value << 32n) + (time & WORD) - now);
    if (register === ALARM_LOW) {
      this.alarmTime = ((this.alarmTime >> 32n) << 32n) + value;
      this.armed = true;
    }
    if (register === ALARM_HIGH) this.alarmTime = (value << 32n) + (this.alarmTime & WORD);
    if (register === IRQ_ENABLED) this.enabled = (value & 1n) === 1n;
    if (register === CLEAR_ALARM) this.armed = false;
    if (register === CLEAR_INTERRUPT) this.pending = false;
    this.tick(now);
  }
}

// Half the alarms are near the time, so that they go off; the high half is changed only while no alarm is armed, as
// drivers do it (an armed one keeps the time it was armed for).
type Op =
  | { kind: "read" | "write"; register: number; value: bigint; pass: bigint }
  | { kind: "alarm"; ahead: bigint; pass: bigint }
  | { kind: "expire"; pass: bigint };
const pass = fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 1n << 33n }));
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant("read" as const),
    register: fc.nat(12).map((n) => n * 4),
    value: fc.constant(0n),
    pass,
  }),
  fc.record({
    kind: fc.constant("write" as const),
    register: fc.constantFrom(
      TIME_LOW,
      TIME_HIGH,
      IRQ_ENABLED,
      IRQ_ENABLED,
      CLEAR_ALARM,
      CLEAR_INTERRUPT,
      24,
      32,
      0xffc,
    ),
    value: fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 0x7fff_ffffn })),
    pass,
  }),
  fc.record({ kind: fc.constant("alarm" as const), ahead: fc.bigInt({ min: -50n, max: 200n }), pass }),
  fc.record({ kind: fc.constant("expire" as const), pass }),
);

describe("RTC against a model", () => {
  it("agrees in every value, the interrupt, and when the next alarm is due", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n << 40n, max: 1n << 61n }), fc.array(anyOp, { maxLength: 80 }), (base, ops) => {
        setup(base);
        const model = new Model(base);
        let now = 1n;
        for (const op of ops) {
          now += op.pass;
          if (op.kind === "read") expect(read(op.register, now)).toBe(model.read(op.register, now));
          else if (op.kind === "write") {
            write(op.register, op.value, now);
            model.write(op.register, op.value, now);
          } else if (op.kind === "alarm") {
            const at = wrap(now + model.offset + op.ahead);
            for (const [register, value] of [
              [CLEAR_ALARM, 0n],
              [ALARM_HIGH, at >> 32n],
              [ALARM_LOW, at & WORD],
            ] as const) {
              write(register, value, now);
              model.write(register, value, now);
            }
          } else {
            unit.exports["rtcExpire"]!(rtc, now);
            model.tick(now);
          }
          expect(level()).toBe(model.pending && model.enabled ? 1 : 0);
          expect(alarm()).toBe(model.armed ? now + model.alarmTime - wrap(now + model.offset) : OFF);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("RTC rules", () => {
  it("reads one moment in two words", () => {
    setup(0n);
    expect(read(TIME_LOW, 0x1_ffff_ffffn)).toBe(WORD);
    expect(read(TIME_HIGH, 0x2_0000_0000n)).toBe(1n);
  });

  it("expires when due and not before, and once", () => {
    setup(0n);
    write(IRQ_ENABLED, 1n, 0n);
    write(ALARM_LOW, 1000n, 0n);
    expect([alarm(), read(ALARM_STATUS, 5n)]).toEqual([1000n, 1n]);
    unit.exports["rtcExpire"]!(rtc, 999n);
    expect(level()).toBe(0);
    unit.exports["rtcExpire"]!(rtc, 1000n);
    expect([level(), alarm()]).toEqual([1, OFF]);
    write(CLEAR_INTERRUPT, 1n, 1001n);
    unit.exports["rtcExpire"]!(rtc, 2000n);
    expect(level()).toBe(0);
  });

  it("never is an alarm beyond the end of time", () => {
    setup(0n);
    unit.exports["rtcInit"]!(rtc, wrap(-2000n));
    write(ALARM_HIGH, WORD, 2010n);
    write(ALARM_LOW, WORD, 2010n);
    expect([alarm(), level()]).toEqual([OFF, 0]);
  });

  it("keeps the time over a reset, and nothing else", () => {
    setup(500n);
    write(TIME_LOW, 7n, 3n);
    write(IRQ_ENABLED, 1n, 3n);
    write(ALARM_LOW, 1n, 3n);
    expect(level()).toBe(1);
    unit.exports["rtcReset"]!(rtc);
    expect([level(), alarm()]).toEqual([0, OFF]);
    expect([read(TIME_LOW, 4n), read(IRQ_ENABLED, 4n), read(ALARM_LOW, 4n)]).toEqual([8n, 0n, 0n]);
  });
});

describe("RTC and hostile accesses", () => {
  it("answers aligned words, refuses the rest, and stays in its bytes (B03, E12)", () => {
    for (const width of [1, 2, 4, 8]) {
      for (let offset = 0n; offset < 64n; offset++) {
        for (const direction of [0, 1]) {
          setup(0n);
          const before = unit.bytes().slice(rtc, rtc + 56);
          const good = width === 4 && offset % 4n === 0n;
          const answer = perform(direction, offset, OFF, 1n, width);
          expect(answer.status).toBe(good ? 0 : 1);
          if (good && direction === 0) expect(answer.value <= WORD).toBe(true);
          if (!good) expect(unit.bytes().slice(rtc, rtc + 56)).toEqual(before);
          expect(
            unit
              .bytes()
              .subarray(rtc + 48, access + 4096)
              .every((byte) => byte === 0xa5),
          ).toBe(true);
        }
      }
    }
    expect(perform(0, OFF - 3n, 0n, 1n).value).toBe(0n);
    expect(perform(0, 1n << 32n, 0n, 0x77n).value).toBe(0n);
  });
});
