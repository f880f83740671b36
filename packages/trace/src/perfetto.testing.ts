// SPDX-License-Identifier: Apache-2.0
// Checks a file against the trace event format as documented ("Trace Event Format", JSON object form) and what Perfetto's
// importer asks beyond it: slices of one thread nest, threads belong to one process, and every one of both has a name.
import { z } from "zod";

const place = { name: z.string().min(1), pid: z.int().positive(), tid: z.int().nonnegative() };
const time = z.number().nonnegative().finite();
const args = z.record(z.string(), z.union([z.string(), z.number().finite()])).optional();

const Event = z.discriminatedUnion("ph", [
  z.strictObject({ ph: z.literal("X"), ...place, ts: time, dur: time, args }),
  z.strictObject({ ph: z.literal("i"), ...place, ts: time, s: z.enum(["t", "p", "g"]), args }),
  z.strictObject({
    ph: z.literal("M"),
    ...place,
    name: z.enum(["process_name", "thread_name"]),
    args: z.object({ name: z.string() }),
  }),
]);
const File = z.strictObject({ displayTimeUnit: z.enum(["ms", "ns"]), traceEvents: z.array(Event) });

export interface CheckedEvent {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>> | undefined;
}

const nanoseconds = (microseconds: number): number => Math.round(microseconds * 1000);

function checkNesting(slices: readonly { name: string; ts: number; dur: number }[], thread: string): void {
  const spans = slices
    .map(({ name, ts, dur }) => ({ name, from: nanoseconds(ts), to: nanoseconds(ts) + nanoseconds(dur) }))
    .sort((a, b) => a.from - b.from || b.to - a.to);
  const open: typeof spans = [];
  for (const span of spans) {
    while (open.length > 0 && (open.at(-1)?.to ?? 0) <= span.from) open.pop();
    const outer = open.at(-1);
    if (outer && span.to > outer.to)
      throw new Error(`${thread}: ${JSON.stringify(span)} reaches beyond ${JSON.stringify(outer)}`);
    open.push(span);
  }
}

/** Throws at the first thing that is wrong; answers the events. */
export function checkTraceEvents(text: string): CheckedEvent[] {
  const { traceEvents } = File.parse(JSON.parse(text));
  const threads = new Map<number, number>();
  const named = new Set(
    traceEvents
      .filter(({ ph }) => ph === "M")
      .map(({ name, pid, tid }) => `${name} ${name === "process_name" ? pid : tid}`),
  );
  const slices = new Map<number, { name: string; ts: number; dur: number }[]>();
  for (const event of traceEvents) {
    if (event.ph === "M") continue;
    if ((threads.get(event.tid) ?? event.pid) !== event.pid) throw new Error(`thread ${event.tid} has two processes`);
    threads.set(event.tid, event.pid);
    if (!named.has(`process_name ${event.pid}`)) throw new Error(`process ${event.pid} has no name`);
    if (!named.has(`thread_name ${event.tid}`)) throw new Error(`thread ${event.tid} has no name`);
    if (event.ph === "X") slices.set(event.tid, [...(slices.get(event.tid) ?? []), event]);
  }
  for (const [thread, list] of slices) checkNesting(list, `thread ${thread}`);
  return traceEvents;
}
