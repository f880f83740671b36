// SPDX-License-Identifier: Apache-2.0
// Reads the JSON reports of fio and iperf3: what was moved, and whether anything went wrong. Pure. Called by the io soak.

export interface FioResult {
  readonly errors: number;
  readonly writtenBytes: number;
  readonly readBytes: number;
}

export interface IperfResult {
  /** What iperf3 says went wrong; undefined when nothing did. */
  readonly error: string | undefined;
  readonly receivedBytes: number;
  readonly retransmits: number;
}

/** The JSON document in a program's output: fio prints notes around it. */
function documentIn(output: string): unknown {
  const [from, to] = [output.indexOf("{"), output.lastIndexOf("}")];
  if (from < 0 || to < from) throw new Error(`no report in: ${output.slice(0, 200)}`);
  return JSON.parse(output.slice(from, to + 1));
}

/** Follows names into a parsed document; undefined where there is nothing. */
function at(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  );
}

const numberAt = (value: unknown, ...names: readonly string[]): number => Number(at(value, ...names) ?? 0);

export function parseFio(output: string): FioResult {
  const jobs = at(documentIn(output), "jobs");
  if (!Array.isArray(jobs) || jobs.length === 0) throw new Error("fio's report has no jobs");
  const sum = (...names: readonly string[]): number =>
    jobs.reduce((total: number, job: unknown) => total + numberAt(job, ...names), 0);
  const failed = jobs.filter((job: unknown) => numberAt(job, "error") !== 0).length;
  return {
    errors: failed + sum("total_err"),
    writtenBytes: sum("write", "io_bytes"),
    readBytes: sum("read", "io_bytes"),
  };
}

export function parseIperf(output: string): IperfResult {
  const report = documentIn(output);
  const error = at(report, "error");
  return {
    error: typeof error === "string" ? error : undefined,
    receivedBytes: numberAt(report, "end", "sum_received", "bytes"),
    retransmits: numberAt(report, "end", "sum_sent", "retransmits"),
  };
}

/** What roundCommand prints: each report by its name without folder and ending. */
export function reportsIn(output: string): ReadonlyMap<string, string> {
  const parts = output.split(/^FILE \S*?([^/\s]+)\.json\n/m);
  const reports = new Map<string, string>();
  for (let i = 1; i + 1 < parts.length; i += 2) reports.set(parts[i] ?? "", parts[i + 1] ?? "");
  return reports;
}

export interface TcpCounters {
  readonly sent: number;
  readonly retransmitted: number;
}

/** The Tcp lines of /proc/net/snmp: names, then values. */
export function parseTcp(text: string): TcpCounters {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.trim().split(/\s+/));
  const valueOf = (name: string): number => {
    const value = Number(values[names.indexOf(name)]);
    if (names.includes(name) && Number.isFinite(value)) return value;
    throw new Error(`no ${name} in: ${text.slice(0, 200)}`);
  };
  return { sent: valueOf("OutSegs"), retransmitted: valueOf("RetransSegs") };
}

/** More than one segment in twenty sent again is no longer what a full queue does to TCP now and then. */
const STORM = 0.05;
const FEW = 100;

export const isStorm = ({ sent, retransmitted }: TcpCounters): boolean =>
  retransmitted > FEW && retransmitted > sent * STORM;
