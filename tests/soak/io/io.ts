// SPDX-License-Identifier: Apache-2.0
// `npm run soak -- io`: two Debian guests write and check disks and send to each other and to this machine until the time
// is over, then disks fail (faults.ts). Everything that must hold is looked at in the end. Called by run.ts.
import type { DiskInfo } from "@typeone/protocol";
import type { Progress } from "../progress.ts";
import { Echo } from "./echo.ts";
import { type FaultResult, faults } from "./faults.ts";
import { ECHO_PORT, FAILING, type IoGuest, type IoHost, VANISHING } from "./io-host.ts";
import { awaitServer, echoServer, IPERF_PORT, IPERF_SERVER } from "./jobs.ts";
import { isStorm, type TcpCounters } from "./reports.ts";
import { inMb, type Row, Totals } from "./totals.ts";
import { answers, must, round, tcpCounters } from "./work.ts";

export interface IoOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly progress: Progress;
}

export interface IoResult {
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly tcp: readonly TcpCounters[];
  readonly faults: readonly FaultResult[];
  /** What should not be; empty when all is well. */
  readonly problems: readonly string[];
}

const IPERF_SECONDS = 10;
/** Disks of which errors are expected. */
const DOOMED: readonly string[] = [FAILING.serial, VANISHING.serial, "tight"];

async function prepare({ guests }: IoHost): Promise<void> {
  for (const guest of guests) {
    // The kernel's own messages would come between a report's lines.
    await must(guest, "dmesg -n 1; swapoff -a; udevadm settle; ls -l /dev/disk/by-id");
    await must(guest, IPERF_SERVER);
    await must(guest, echoServer(ECHO_PORT));
  }
  for (const guest of guests) for (const port of [ECHO_PORT, IPERF_PORT]) await must(guest, awaitServer(port));
}

interface Session extends IoOptions {
  readonly host: IoHost;
  readonly totals: Totals;
  readonly echoes: readonly Echo[];
}

const echoed = (echoes: readonly Echo[]): number => echoes.reduce((sum, { checked }) => sum + checked, 0);

/** Rounds in one guest until the time is over; answers how many. */
async function keepBusy(session: Session, guest: IoGuest, until: number): Promise<number> {
  const { host, totals, seed, progress, echoes } = session;
  const other = host.guests.find((one) => one !== guest);
  const sends = guest === host.guests[0] && other !== undefined;
  let number = 0;
  do {
    const direction = number % 2 === 0 ? "forward" : "reverse";
    const iperf = { server: other?.address ?? "", seconds: IPERF_SECONDS, streams: 2, direction } as const;
    const options = { round: seed + number, ...(sends ? { iperf } : {}) };
    const rows = await round(guest, totals, options);
    number += 1;
    const checked = rows.map(({ what, checked }) => `${what.replace(/^.*: /, "")} ${inMb(checked)} MB`);
    const left = Math.max(0, (until - Date.now()) / 1000).toFixed(0);
    const errors = totals.errors + echoes.flatMap((echo) => echo.errors).length;
    progress(
      `${guest.name}, round ${number}: checked ${[...new Set(checked)].join(", ")}; echoed ${inMb(echoed(echoes))} MB; ${errors} errors; ${left} s left`,
    );
  } while (Date.now() < until);
  return number;
}

const diskErrors = (guest: IoGuest, disks: readonly DiskInfo[]): string[] =>
  disks
    .filter(({ serial, errors }) => errors > 0n && !DOOMED.includes(serial))
    .map(({ serial, errors }) => `disk ${serial} of ${guest.name} counts ${errors} errors`);

/** Everything that must hold in the end; answers what does not. */
async function inspect({ host, totals, echoes }: Session, tcp: readonly TcpCounters[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { what, errors } of totals.rows) if (errors > 0) problems.push(`${what}: ${errors} errors`);
  for (const what of totals.idle) problems.push(`${what}: nothing was checked`);
  for (const echo of echoes) problems.push(...echo.errors.slice(0, 5).map((error) => `echo: ${error}`));
  for (const [index, guest] of host.guests.entries()) {
    const counters = tcp[index];
    if (counters && isStorm(counters)) problems.push(`${guest.name} sent ${counters.retransmitted} segments again`);
    problems.push(...diskErrors(guest, await host.disks(guest)));
    await answers(guest).catch((error: unknown) => problems.push(String(error)));
  }
  for (const { name, errors } of await host.hostDisks())
    if (errors > 0n && !DOOMED.includes(name)) problems.push(`the host's disk ${name} counts ${errors} errors`);
  return [...problems, ...(await host.crashes())];
}

async function work(session: Session): Promise<IoResult> {
  const { host, totals, echoes, seed, minutes, progress } = session;
  const start = Date.now();
  const until = start + minutes * 60_000;
  const problems: string[] = [];
  const note = (error: unknown): undefined =>
    void problems.push(error instanceof Error ? error.message : String(error));
  const busy = host.guests.map((guest) => keepBusy(session, guest, until).catch(note));
  const rounds = (await Promise.all(busy)).reduce<number>((sum, done) => sum + (done ?? 0), 0);
  const seconds = (Date.now() - start) / 1000;
  const failed = problems.length > 0 ? undefined : await faults(host, totals, progress).catch(note);
  await Promise.all(echoes.map((echo) => echo.stop()));
  for (const [index, echo] of echoes.entries()) {
    const what = `${host.guests[index]?.name}: this machine by TCP`;
    totals.add({ what, written: 0, checked: echo.checked, errors: echo.errors.length });
  }
  const tcp = (await Promise.all(host.guests.map((guest) => tcpCounters(guest).catch(note)))).flatMap(
    (one) => one ?? [],
  );
  problems.push(...(await inspect(session, tcp)));
  return { seed, seconds, rounds, rows: totals.rows, tcp, faults: failed ?? [], problems };
}

/** Works on a host that is up. */
export async function io(host: IoHost, options: IoOptions): Promise<IoResult> {
  await prepare(host);
  const echoes = host.guests.map(({ port }, index) => new Echo(port, options.seed + index));
  return work({ ...options, host, totals: new Totals(), echoes });
}
