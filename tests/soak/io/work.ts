// SPDX-License-Identifier: Apache-2.0
// The io soak's rounds: in one guest fio on its disks and, when asked for, iperf3 to the other guest, at the same time;
// what the programs report is added up. Called by io.ts and, for the neighbour, by faults.ts.
import { deviceFile, type IoGuest } from "./io-host.ts";
import { type GuestRound, type IperfJob, roundCommand } from "./jobs.ts";
import { parseFio, parseIperf, parseTcp, reportsIn, type TcpCounters } from "./reports.ts";
import type { Row, Totals } from "./totals.ts";

/** What a disk is made of, and the serial that it has in each guest. */
export const TARGETS = { "host disk": "data", "RAM disk": "ram" } as const;

const SIZE_MIB = 48;
/** For a round on a busy machine. */
const ROUND_MS = 240_000;

export interface RoundOptions {
  readonly round: number;
  readonly iperf?: IperfJob;
}

/** Names of files have no blanks. */
const fileName = (what: string): string => what.replaceAll(" ", "-");

function fioRows(guest: IoGuest, reports: ReadonlyMap<string, string>): Row[] {
  return Object.keys(TARGETS).map((what) => {
    const { writtenBytes: written, readBytes: checked, errors } = parseFio(reports.get(`fio-${fileName(what)}`) ?? "");
    return { what: `${guest.name}: ${what}`, written, checked, errors };
  });
}

function iperfRow(guest: IoGuest, report: string): Row {
  const { error, receivedBytes } = parseIperf(report);
  if (error !== undefined) throw new Error(`iperf3 in ${guest.name}: ${error}`);
  return { what: `${guest.name}: iperf3`, written: 0, checked: receivedBytes, errors: 0 };
}

/** One round; what it did is added to the totals. Rejects when a program does not end, or reports nothing. */
export async function round(guest: IoGuest, totals: Totals, options: RoundOptions): Promise<readonly Row[]> {
  const { iperf } = options;
  const targets = Object.entries(TARGETS).map(([what, serial]) => [fileName(what), deviceFile(serial)] as const);
  const work: GuestRound = { ...options, sizeMiB: SIZE_MIB, targets: Object.fromEntries(targets) };
  const { output } = await guest.shell.run(roundCommand(work), { timeoutMs: ROUND_MS });
  const reports = reportsIn(output);
  const rows = fioRows(guest, reports);
  if (iperf) rows.push(iperfRow(guest, reports.get("iperf") ?? ""));
  for (const row of rows) totals.add(row);
  return rows;
}

const ANSWER_MS = 60_000;

/** Runs a command that must succeed; answers its output. */
export async function must(guest: IoGuest, command: string): Promise<string> {
  const { status, output } = await guest.shell.run(command, { timeoutMs: ANSWER_MS });
  if (status === 0) return output;
  throw new Error(`in ${guest.name}: ${command} ended with ${status}: ${output.trim().slice(-300)}`);
}

export async function tcpCounters(guest: IoGuest): Promise<TcpCounters> {
  return parseTcp(await must(guest, "cat /proc/net/snmp"));
}

/** The guest's console answers with what only a shell can know. */
export async function answers(guest: IoGuest): Promise<void> {
  const output = await must(guest, "echo $((6*7))-$(hostname)");
  if (!output.includes(`42-${guest.name}`)) throw new Error(`the console of ${guest.name} answers ${output.trim()}`);
}
