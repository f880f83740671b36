// SPDX-License-Identifier: Apache-2.0
// Records from bytes, sums from records, and what a screen shows of them; names against the hypervisor's own.
import { loadUnit } from "@typeone/sim";
import { trace } from "@typeone/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf, TraceModel } from "./model.ts";
import { EXIT_NAMES, parseMask, STATE_NAMES, whoIs, whoName } from "./names.ts";
import { decodeRecords, RECORD_BYTES, RingReader } from "./record.ts";
import { encodeRecord, exit, record, story } from "./story.testing.ts";
import { histogramText, snapshot, tableText, timeText, traceRows } from "./text.ts";

describe("records", () => {
  it("come out as they went in, at any alignment, without a rest and without kinds of the future", () => {
    const bytes = Buffer.concat([
      Buffer.from([0xaa]),
      ...story.map(encodeRecord),
      encodeRecord(record({ kind: trace.TRACE_KINDS })),
      encodeRecord(record({ kind: 0 })),
      Buffer.alloc(RECORD_BYTES - 1, 1),
    ]);
    expect(decodeRecords(bytes.subarray(1))).toEqual(story);
  });

  it("a reader skips what it has, counts what it missed, and follows positions past 2^32", () => {
    const bytes = Buffer.concat([0n, 1n, 2n, 3n].map((time) => encodeRecord(exit({ time }))));
    const times = (piece: { records: readonly { time: bigint }[] }): bigint[] => piece.records.map(({ time }) => time);
    const reader = new RingReader(0xffff_fffe);
    expect(reader.push(0xffff_fffe, bytes)).toMatchObject({ lost: 0 });
    expect(reader.position).toBe(2);
    const again = reader.push(0, bytes);
    expect([times(again), again.lost, reader.position]).toEqual([[2n, 3n], 0, 4]);
    const late = reader.push(10, bytes);
    expect([times(late), late.lost, reader.position]).toEqual([[0n, 1n, 2n, 3n], 6, 14]);
    expect([reader.push(0, bytes).records, reader.position]).toEqual([[], 14]);
  });
});

describe("names", () => {
  it("of exit kinds are the hypervisor's", async () => {
    const unit = await loadUnit("core/trace/trace.testing.ts");
    const text = (at: number): string =>
      Buffer.from(unit.bytes().slice(at, at + unit.view().getUint32(at - 4, true))).toString("utf16le");
    const names = EXIT_NAMES.map((_, kind) => text(Number(unit.exports["exitName"]?.(kind))));
    expect(EXIT_NAMES).toEqual(names);
    expect(EXIT_NAMES).toHaveLength(trace.EXIT_KINDS);
  });

  it("of a guest's states are the hypervisor's", async () => {
    const { exports } = await loadUnit("core/guest/guest.ts");
    const states = Object.entries(exports as unknown as Record<string, { value: number }>)
      .filter(([name]) => name.startsWith("GUEST_"))
      .map(([name, { value }]) => [value, name.slice("GUEST_".length).toLowerCase()] as const);
    expect(new Map(states)).toEqual(new Map(STATE_NAMES.entries()));
  });

  it("who is who", () => {
    expect(whoName(whoIs(0x1_0302n), (guest) => `g${guest}`)).toBe("g3/2");
    expect(whoName(whoIs(0x2_0007n))).toBe("worker 7");
    expect(whoName(whoIs(0n))).toBe("idle");
  });

  it("make masks", () => {
    expect(parseMask("all")).toBe(trace.TRACE_ALL);
    expect(parseMask("off")).toBe(0);
    expect(parseMask("exit, switch")).toBe((1 << trace.TRACE_EXIT) | (1 << trace.TRACE_SWITCH));
    for (const wrong of ["", "exits", "exit,,wake", "toString"]) expect(parseMask(wrong), wrong).toBeNull();
  });
});

describe("sums", () => {
  const model = new TraceModel(10_000_000);
  model.add(0, story);

  it("by vCPU, guest and hart", () => {
    const [first, second] = model.vcpus;
    expect(model.vcpus.map(({ guest, vcpu }) => [guest, vcpu])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect([first?.exitCount, first?.exitTicks, first?.injections]).toEqual([2, 9, [1, 0, 0]]);
    expect([second?.exitCount, second?.switches, second?.wakes]).toEqual([1, 1, 1]);
    expect(model.guests).toEqual([{ guest: 2, consoleOut: 12, consoleIn: 1, state: 5 }]);
    // 100 to 400: exits of 4, 5 and 6; from the second exit 1 to the switch to nobody; idle 100; then 20 of it to enter.
    expect(model.harts).toEqual([
      {
        hart: 0,
        records: story.length,
        lost: 0,
        switches: 2,
        ticks: 300,
        hypervisorTicks: 36,
        idleTicks: 100,
        workerTicks: 7,
      },
    ]);
  });

  it("buckets hold each duration once, between its powers of two", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (ticks) => {
        const bucket = bucketOf(ticks);
        expect(ticks < 2 ** bucket && (ticks === 0 || ticks >= 2 ** (bucket - 1))).toBe(true);
      }),
    );
    expect([bucketOf(0), bucketOf(1), bucketOf(0xffff_ffff)]).toEqual([0, 1, 32]);
  });

  it("a gap in the records is no time in the hypervisor", () => {
    const gap = new TraceModel(1000);
    gap.add(0, [exit({ time: 10n, duration: 3 })]);
    gap.add(0, [record({ kind: trace.TRACE_ENTER, time: 900n })], 40);
    expect(gap.harts[0]).toMatchObject({ hypervisorTicks: 3, lost: 40, ticks: 893 });
  });

  it("refuses a timebase that cannot be", () => {
    expect(() => new TraceModel(0)).toThrow(RangeError);
  });
});

describe("text", () => {
  it("shows rates since the last look", () => {
    const model = new TraceModel(1000);
    model.add(0, [exit({ time: 0n }), exit({ time: 1000n, sub: trace.EXIT_WFI })]);
    const before = snapshot(model);
    model.add(0, [exit({ time: 1500n, duration: 100 }), exit({ time: 2000n, duration: 100 }), exit({ time: 3000n })]);
    const rows = traceRows(model, before);
    expect(rows.vcpus[0]).toMatchObject({ exitsPerSecond: 1.5, hypervisor: 0.1 });
    expect(rows.vcpus[0]?.kinds).toEqual([{ kind: trace.EXIT_SBI_BASE, perSecond: 1.5 }]);
    expect(traceRows(model, snapshot(model)).vcpus[0]?.exitsPerSecond).toBe(0);
  });

  it("is a table whose names cannot steer the terminal", () => {
    const model = new TraceModel(10_000_000);
    model.add(0, story);
    const text = tableText(traceRows(model), (guest) => (guest === 1 ? "a\u001b[2Jb" : undefined));
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text.split("\n")[0]).toBe("vCPU       exits/s  in exits  switches/s  injected/s  most exits");
    expect(text).toContain("a?[2Jb/0");
    expect(text).toContain("guest 2/1");
    expect(text).toMatch(/hart 0 +66667 +12\.0% +33\.3% +0/);
  });

  it("draws a histogram with a bar for each doubling", () => {
    const model = new TraceModel(10_000_000);
    model.add(
      0,
      [...Array<number>(8).fill(3), 0, 20].map((duration, i) => exit({ time: BigInt(i * 100), duration })),
    );
    expect(histogramText(model, trace.EXIT_SBI_BASE)).toBe(
      [
        "sbi-base: 10, mean 440 ns, longest 2 us",
        "  <  100 ns  1  #####",
        "  <  200 ns  0",
        "  <  400 ns  8  ########################################",
        "  <  800 ns  0",
        "  <  1.6 us  0",
        "  <  3.2 us  1  #####",
      ].join("\n"),
    );
    expect(histogramText(model, trace.EXIT_WFI)).toBe("wfi: none");
    expect(histogramText(model, trace.EXIT_SBI_BASE, 9)).toBe("sbi-base: none");
    expect([timeText(5e6, 10e6), timeText(2e7, 10e6)]).toEqual(["500 ms", "2 s"]);
  });
});
