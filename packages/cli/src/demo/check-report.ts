// SPDX-License-Identifier: Apache-2.0
// Prints the result of `demo --check`: two tables for people, or one JSON object. Only here is decided how it looks.
import pc from "picocolors";
import { formatCount, formatTable } from "../report.ts";
import type { CheckFailure, CheckResult, GuestResult } from "./check.ts";

const MISSING = "–";

const count = (value: number | undefined): string => (value === undefined ? MISSING : formatCount(value));

function guestRow(guest: GuestResult): string[] {
  const { stats } = guest;
  const exits = stats?.exits ? Object.values(stats.exits).reduce((sum, value) => sum + value, 0) : undefined;
  return [
    guest.name,
    String(guest.vcpus),
    `${guest.memoryMiB} MiB`,
    guest.upSeconds === undefined ? MISSING : `${guest.upSeconds.toFixed(2)} s`,
    guest.instructions === undefined ? MISSING : `${formatCount(guest.instructions / 1e6)} M`,
    count(exits),
    guest.answer ?? MISSING,
    guest.network ?? MISSING,
  ];
}

/** The guests with their figures. */
export function guestTable(guests: readonly GuestResult[]): string {
  const columns = [
    { title: "guest" },
    { title: "vCPUs", align: "right" },
    { title: "memory", align: "right" },
    { title: "userland after", align: "right" },
    { title: "instructions", align: "right" },
    { title: "exits", align: "right" },
    { title: "answer" },
    { title: "network" },
  ] as const;
  return formatTable(columns, guests.map(guestRow));
}

/** Exits by kind, a column for each guest; empty when no guest has any. */
export function exitTable(guests: readonly GuestResult[]): string {
  const kinds = [...new Set(guests.flatMap((guest) => Object.keys(guest.stats?.exits ?? {})))];
  const total = (kind: string) => guests.reduce((sum, guest) => sum + (guest.stats?.exits?.[kind] ?? 0), 0);
  const shown = kinds.filter((kind) => total(kind) > 0).sort((a, b) => total(b) - total(a));
  if (shown.length === 0) return "";
  const columns = [
    { title: "exits by kind" },
    ...guests.map((guest) => ({ title: guest.name, align: "right" as const })),
  ];
  return formatTable(
    columns,
    shown.map((kind) => [kind, ...guests.map((guest) => count(guest.stats?.exits?.[kind]))]),
  );
}

const quoted = (text: string): string =>
  text
    .split("\n")
    .map((line) => `    │ ${line}`)
    .join("\n");

/** Which guests failed and where they stood; the host's own lines once, at the end. */
export function failureText(failures: readonly CheckFailure[]): string {
  const nameOf = (failure: CheckFailure) => (failure.where === "host" ? "the host" : `guest ${failure.where}`);
  const lines = failures.flatMap((failure) => [
    `${pc.red("failed")}: ${nameOf(failure)}: ${failure.step}`,
    `  ${failure.why}`,
    `  last lines of ${nameOf(failure)}:`,
    quoted(failure.tail || "(it printed nothing)"),
  ]);
  const hostTail = failures[0]?.hostTail;
  if (hostTail && failures.every((failure) => failure.where !== "host"))
    lines.push("  last lines of the host:", quoted(hostTail));
  return lines.join("\n");
}

/** Prints the result: results on standard output, a failure on standard error. */
export function printCheck(result: CheckResult, form: "table" | "json"): void {
  if (form === "json") {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const { machine } = result.plan;
  const exits = exitTable(result.guests);
  process.stdout.write(`\n${guestTable(result.guests)}\n${exits === "" ? "" : `\n${exits}\n`}\n`);
  process.stdout.write(
    `Debian kernel ${result.kernelVersion} on QEMU virt: ${machine.harts} harts, ${machine.memoryMiB} MiB, cpu ${machine.cpu}, ` +
      `aia ${machine.aia}, sstc ${machine.sstc}, icount ${machine.icount ?? "off"}\n`,
  );
  if (result.guests.some((guest) => guest.instructions !== undefined)) {
    process.stdout.write("instructions: of all harts, on the guest's own clock, until it reached userland\n");
  }
  if (!result.ok) process.stderr.write(`${failureText(result.failures)}\n`);
  else process.stdout.write(`${pc.green("ok")}: every guest came up and answered\n`);
}
