// SPDX-License-Identifier: Apache-2.0
// The file for Perfetto: a golden one, and for any records what the trace event format requires and its viewers rely on:
// required fields by phase, times that are numbers, threads that are named, slices of one thread that nest.
import { trace } from "@typeone/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PerfettoWriter } from "./perfetto.ts";
import type { TraceRecord } from "./record.ts";
import { checkTraceEvents } from "./perfetto.testing.ts";
import { exit, record, story } from "./story.testing.ts";

async function written(
  pieces: readonly { hart: number; records: readonly TraceRecord[]; lost?: number }[],
  guestNames?: (guest: number) => string | undefined,
): Promise<string> {
  let text = "";
  const write = (part: string): void => void (text += part);
  const writer = new PerfettoWriter({ frequency: 10_000_000, write, ...(guestNames ? { guestNames } : {}) });
  for (const { hart, records, lost } of pieces) await writer.add(hart, records, lost);
  await writer.end();
  return text;
}

describe("a small trace", () => {
  it("is this file", async () => {
    const text = await written([{ hart: 0, records: story }], (guest) => (guest === 1 ? "web" : undefined));
    const lines = text.trim().split("\n");
    expect(lines[0]).toBe('{"displayTimeUnit":"ns","traceEvents":[');
    expect(lines.slice(1, -1).map((line) => line.replace(/,$/, ""))).toEqual([
      '{"ph":"M","name":"process_name","pid":1000,"tid":0,"args":{"name":"harts"}}',
      '{"ph":"M","name":"thread_name","pid":1000,"tid":100000,"args":{"name":"hart 0"}}',
      '{"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"web"}}',
      '{"ph":"M","name":"thread_name","pid":1,"tid":257,"args":{"name":"vCPU 0"}}',
      '{"ph":"X","name":"sbi-base","pid":1,"tid":257,"ts":10,"dur":0.4,"args":{"hart":0,"pc":"0x80200000","extension":"0x10","function":3}}',
      '{"ph":"i","s":"t","name":"inject soft","pid":1,"tid":257,"ts":10.4,"args":{"hart":0}}',
      '{"ph":"X","name":"wfi","pid":1,"tid":257,"ts":20,"dur":0.5,"args":{"hart":0,"pc":"0x80200000","detail":"0x0"}}',
      '{"ph":"X","name":"web/0","pid":1000,"tid":100000,"ts":10,"dur":10.6,"args":{"then":"waits"}}',
      '{"ph":"X","name":"hart 0","pid":1,"tid":257,"ts":10,"dur":10.6,"args":{"then":"waits"}}',
      '{"ph":"M","name":"process_name","pid":2,"tid":0,"args":{"name":"guest 2"}}',
      '{"ph":"M","name":"thread_name","pid":2,"tid":514,"args":{"name":"vCPU 1"}}',
      '{"ph":"i","s":"t","name":"wake","pid":2,"tid":514,"ts":25,"args":{"by":"hart 0","on":"hart 0"}}',
      '{"ph":"X","name":"worker 5","pid":1000,"tid":100000,"ts":31.3,"dur":0.7,"args":{"guest":2}}',
      '{"ph":"M","name":"thread_name","pid":2,"tid":513,"args":{"name":"vCPU 0"}}',
      '{"ph":"i","s":"t","name":"console out","pid":2,"tid":513,"ts":39,"args":{"bytes":12}}',
      '{"ph":"i","s":"t","name":"console in","pid":2,"tid":513,"ts":39.1,"args":{"bytes":1}}',
      '{"ph":"i","s":"t","name":"shutdown","pid":2,"tid":513,"ts":39.2,"args":{}}',
      '{"ph":"X","name":"mmio-store","pid":2,"tid":514,"ts":39.4,"dur":0.6,"args":{"hart":0,"pc":"0x80200000","detail":"0x10000000"}}',
      '{"ph":"X","name":"guest 2/1","pid":1000,"tid":100000,"ts":30.6,"dur":9.4,"args":{}}',
      '{"ph":"X","name":"hart 0","pid":2,"tid":514,"ts":30.6,"dur":9.4,"args":{}}',
    ]);
    expect(lines.at(-1)).toBe("]}");
    checkTraceEvents(text);
  });

  it("of nothing is an empty one", async () => {
    expect(checkTraceEvents(await written([]))).toEqual([]);
  });

  it("escapes names", async () => {
    const name = '"\\\u0000\n</script>\u2028\ud800';
    const events = checkTraceEvents(await written([{ hart: 0, records: [exit({})] }], () => name));
    expect(events.find((event) => event.name === "process_name" && event.pid === 1)?.args?.["name"]).toBe(name);
  });

  it("says where records are missing, and slices do not reach across", async () => {
    const text = await written([
      { hart: 0, records: [exit({ time: 100n })] },
      { hart: 0, records: [exit({ time: 900n, duration: 10 })], lost: 77 },
    ]);
    const events = checkTraceEvents(text);
    expect(events.find((event) => event.name === "records lost")).toMatchObject({ ts: 10, args: { records: 77 } });
    const slices = events.filter((event) => event.pid === 1000 && event.ph === "X").map(({ ts, dur }) => [ts, dur]);
    expect(slices).toEqual([
      [10, 0],
      [89, 1],
    ]);
  });
});

describe("any trace", () => {
  const who = fc.oneof(
    fc.constant(0n),
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1)).map(([guest, vcpu]) => BigInt(0x1_0000 | (guest << 8) | vcpu)),
    fc.nat(3).map((run) => BigInt(0x2_0000 | run)),
  );
  const step = fc.record({
    kind: fc.integer({ min: 1, max: trace.TRACE_KINDS - 1 }),
    gap: fc.nat(50),
    long: fc.nat(20),
    sub: fc.nat(255),
    guest: fc.integer({ min: 1, max: 3 }),
    vcpu: fc.nat(1),
    a: who,
    b: who,
    lost: fc.constantFrom(0, 0, 0, 0, 5),
  });

  it("keeps to the format, whatever order its records are in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        let time = 5_000_000_000n;
        const pieces = steps.map(({ gap, long, lost, ...rest }) => {
          // A duration never reaches back before the record that came before: one hart does one thing at a time.
          const duration = rest.kind === trace.TRACE_EXIT || rest.kind === trace.TRACE_WORKER ? Math.min(gap, long) : 0;
          time += BigInt(gap);
          return { hart: 0, lost, records: [record({ ...rest, time, duration })] };
        });
        checkTraceEvents(await written(pieces));
      }),
      { numRuns: 300 },
    );
  });
});
