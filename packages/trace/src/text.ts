// SPDX-License-Identifier: Apache-2.0
// The model as text for a screen: a table of vCPUs and harts over an interval, and a histogram of one kind of exit.
// Pure functions of the sums; whoever draws a live table hands in what it saw before.
import { EXIT_NAMES, type GuestNames, guestName, nameIn } from "./names.ts";
import { type TraceModel, type VcpuTotal } from "./model.ts";

export interface VcpuRow {
  readonly guest: number;
  readonly vcpu: number;
  readonly exitsPerSecond: number;
  /** Share of one hart that the hypervisor spent on its exits, 0 to 1. */
  readonly hypervisor: number;
  readonly switchesPerSecond: number;
  readonly wakesPerSecond: number;
  readonly injectionsPerSecond: number;
  /** Exits a second by kind, most frequent first; kinds that did not come are left out. */
  readonly kinds: readonly { readonly kind: number; readonly perSecond: number }[];
}

export interface HartRow {
  readonly hart: number;
  readonly switchesPerSecond: number;
  /** Shares of the time, 0 to 1. */
  readonly hypervisor: number;
  readonly idle: number;
  readonly lost: number;
}

export interface TraceRows {
  readonly vcpus: readonly VcpuRow[];
  readonly harts: readonly HartRow[];
}

/** The counters of a model at one moment. */
export interface Snapshot {
  readonly seconds: number;
  readonly vcpus: readonly VcpuTotal[];
  readonly harts: TraceModel["harts"];
}

export function snapshot(model: TraceModel): Snapshot {
  return structuredClone({ seconds: model.seconds, vcpus: model.vcpus, harts: model.harts });
}

const NOTHING: Snapshot = { seconds: 0, vcpus: [], harts: [] };
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function vcpuRow(now: VcpuTotal, before: VcpuTotal | undefined, seconds: number, frequency: number): VcpuRow {
  const rate = (count: number, was = 0): number => (count - was) / seconds;
  return {
    guest: now.guest,
    vcpu: now.vcpu,
    exitsPerSecond: rate(now.exitCount, before?.exitCount),
    hypervisor: rate(now.exitTicks, before?.exitTicks) / frequency,
    switchesPerSecond: rate(now.switches, before?.switches),
    wakesPerSecond: rate(now.wakes, before?.wakes),
    injectionsPerSecond: rate(sum(now.injections), sum(before?.injections ?? [])),
    kinds: [...now.exits]
      .map(([kind, { count }]) => ({ kind, perSecond: rate(count, before?.exits.get(kind)?.count) }))
      .filter(({ perSecond }) => perSecond > 0)
      .sort((a, b) => b.perSecond - a.perSecond || a.kind - b.kind),
  };
}

/** What happened since `before`, per second; without it, since the trace began. */
export function traceRows(model: TraceModel, before: Snapshot = NOTHING): TraceRows {
  const elapsed = model.seconds - before.seconds;
  const seconds = elapsed > 0 ? elapsed : Infinity;
  const vcpus = model.vcpus.map((now) => {
    const was = before.vcpus.find((each) => each.guest === now.guest && each.vcpu === now.vcpu);
    return vcpuRow(now, was, seconds, model.frequency);
  });
  const harts = model.harts.map((now): HartRow => {
    const was = before.harts.find((each) => each.hart === now.hart);
    const ticks = now.ticks - (was?.ticks ?? 0);
    const share = (part: number): number => (ticks > 0 ? part / ticks : 0);
    return {
      hart: now.hart,
      switchesPerSecond: (now.switches - (was?.switches ?? 0)) / seconds,
      hypervisor: share(now.hypervisorTicks - (was?.hypervisorTicks ?? 0)),
      idle: share(now.idleTicks - (was?.idleTicks ?? 0)),
      lost: now.lost - (was?.lost ?? 0),
    };
  });
  return { vcpus, harts };
}

/** What a terminal would take for control, as it could come in a name. */
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e\u00a0-\u2027\u202a-\uffff]/g, "?");

/** Columns as wide as they need; numbers stand at the right, the columns `left` at the left. */
function align(rows: readonly (readonly string[])[], left: readonly number[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    left.includes(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

const rate = (value: number): string => (value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0));
const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** The rows as two aligned tables; `most` kinds of exits are named for each vCPU. */
export function tableText(rows: TraceRows, names?: GuestNames, most = 3): string {
  const vcpus = rows.vcpus.map((row) => [
    printable(`${guestName(row.guest, names)}/${row.vcpu}`),
    rate(row.exitsPerSecond),
    percent(row.hypervisor),
    rate(row.switchesPerSecond),
    rate(row.injectionsPerSecond),
    row.kinds
      .slice(0, most)
      .map(({ kind, perSecond }) => `${nameIn(EXIT_NAMES, kind)} ${rate(perSecond)}`)
      .join(", "),
  ]);
  const harts = rows.harts.map((row) => [
    `hart ${row.hart}`,
    rate(row.switchesPerSecond),
    percent(row.hypervisor),
    percent(row.idle),
    `${row.lost}`,
  ]);
  return [
    align([["vCPU", "exits/s", "in exits", "switches/s", "injected/s", "most exits"], ...vcpus], [0, 5]),
    align([["hart", "switches/s", "hypervisor", "idle", "lost"], ...harts], [0]),
  ].join("\n\n");
}

/** Ticks as time, in the unit that suits them. */
export function timeText(ticks: number, frequency: number): string {
  const ns = (ticks * 1e9) / frequency;
  const short = (value: number): string => (value < 10 && value % 1 !== 0 ? value.toFixed(1) : value.toFixed(0));
  if (ns < 1e3) return `${short(ns)} ns`;
  if (ns < 1e6) return `${short(ns / 1e3)} us`;
  return ns < 1e9 ? `${short(ns / 1e6)} ms` : `${short(ns / 1e9)} s`;
}

const BAR = 40;

/** How long exits of `kind` took: a bar for each doubling of the time. One guest's, or everybody's. */
export function histogramText(model: TraceModel, kind: number, guest?: number): string {
  const { count, ticks, longest, buckets } = model.exits(kind, guest);
  const name = nameIn(EXIT_NAMES, kind);
  if (count === 0) return `${name}: none`;
  const time = (value: number): string => timeText(value, model.frequency);
  const used = buckets.map((n, index) => ({ n, index })).filter(({ n }) => n > 0);
  const [first = 0, last = 0] = [used[0]?.index, used.at(-1)?.index];
  const highest = Math.max(...buckets);
  const lines = buckets.slice(first, last + 1).map((n, offset) => {
    const below = time(2 ** (first + offset));
    const bar = "#".repeat(n === 0 ? 0 : Math.max(1, Math.round((n / highest) * BAR)));
    return `  < ${below.padStart(7)}  ${`${n}`.padStart(String(highest).length)}  ${bar}`.trimEnd();
  });
  return [`${name}: ${count}, mean ${time(ticks / count)}, longest ${time(longest)}`, ...lines].join("\n");
}

/** A histogram for each kind that came, most frequent first. */
export function histogramsText(model: TraceModel, guest?: number): string {
  const kinds = EXIT_NAMES.map((_, kind) => ({ kind, count: model.exits(kind, guest).count }));
  const seen = kinds.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  return seen.length === 0 ? "no exits" : seen.map(({ kind }) => histogramText(model, kind, guest)).join("\n\n");
}
