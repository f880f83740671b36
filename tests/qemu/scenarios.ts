// SPDX-License-Identifier: Apache-2.0
// Every boot that the QEMU tests make: which guests on which machine, and what must hold.
import type { PayloadGuest, Running, Scenario } from "./scenario.ts";
import { HOST } from "./transcript.ts";

const BURST_LINES = 400;

function wholeBurst(lines: readonly string[]): string | undefined {
  const burst = lines.filter((line) => line.startsWith("LINE "));
  for (let i = 0; i < BURST_LINES; i++) {
    const wanted = `LINE ${i} abcdefghijklmnopqrstuvwxyz0123456789`;
    if (burst[i] !== wanted) return `line ${i} of ${burst.length} is '${burst[i] ?? "missing"}'`;
  }
  return burst.length === BURST_LINES ? undefined : `${burst.length} lines instead of ${BURST_LINES}`;
}

/** Ten ticks late means that somebody else held the hart. */
const LATEST_TICKS = 5_000_000;

function heartbeat(beats: number): PayloadGuest {
  return {
    payload: "heartbeat",
    args: `beats=${beats}`,
    verify: (lines) => {
      const count = lines.filter((line) => line.startsWith("BEAT ")).length;
      if (count !== beats) return `${count} beats instead of ${beats}`;
      const latest = Number(lines.find((line) => line.startsWith("latest "))?.slice(7));
      return latest < LATEST_TICKS ? undefined : `a tick came ${latest / 10_000} ms late`;
    },
  };
}

const hostile = (mode: number, cpus = 1): PayloadGuest => ({
  payload: "hostile",
  name: `bad${mode}`,
  cpus,
  args: `mode=${mode}`,
  ends: "never",
});

/** The host's terminal answers: the hypervisor lives. */
export async function hostAnswers({ machine, transcript, signal }: Running): Promise<readonly string[]> {
  const before = transcript.of(HOST).length;
  machine.console.type("\rhost info\r");
  const answer = (): readonly string[] => transcript.of(HOST).slice(before);
  await transcript.until(() => answer().some((line) => /free/i.test(line)), signal);
  return answer();
}

/** `count` lines of `guest` that match; throws at once if a RESULT line comes instead. */
export async function linesOf(
  { transcript, signal }: Running,
  guest: string,
  wanted: RegExp,
  count: number,
): Promise<void> {
  const matching = (): number => transcript.of(guest).filter((line) => wanted.test(line)).length;
  const bad = (): string | undefined => transcript.of(guest).find((line) => line.startsWith("RESULT"));
  await transcript.until(() => matching() >= count || bad() !== undefined, signal);
  const found = bad();
  if (found) throw new Error(`${guest}: ${found}`);
}

export const REBOOTS = 4;

const functional: readonly Scenario[] = [
  { name: "hello", guests: [{ payload: "hello" }], machine: { harts: 1 } },
  { name: "hello under the flat Image", guests: [{ payload: "hello" }], flat: true },
  {
    name: "one ELF with two guests in it",
    guests: [{ payload: "hello" }, { payload: "smp", cpus: 2, memory: "dynamic" }],
    flat: true,
    image: "elf",
  },
  {
    name: "one flat Image with two guests in it",
    guests: [{ payload: "hello" }, { payload: "smp", cpus: 2, memory: "dynamic" }],
    flat: true,
    image: "flat",
  },
  { name: "sbi", guests: [{ payload: "sbi", cpus: 2 }] },
  { name: "timer with Sstc", guests: [{ payload: "timer" }] },
  { name: "timer by SBI", guests: [{ payload: "timer" }], machine: { sstc: "off" } },
  { name: "ipi 4 vCPUs on 4 harts", guests: [{ payload: "ipi", cpus: 4 }], machine: { harts: 4 } },
  { name: "ipi 4 vCPUs on 1 hart", guests: [{ payload: "ipi", cpus: 4, args: "rounds=20" }], machine: { harts: 1 } },
  { name: "smp 4 vCPUs on 4 harts", guests: [{ payload: "smp", cpus: 4, args: "harts=4" }], machine: { harts: 4 } },
  { name: "smp 8 vCPUs on 2 harts", guests: [{ payload: "smp", cpus: 8, args: "harts=8" }] },
  { name: "smp with APLIC", guests: [{ payload: "smp", cpus: 3 }], machine: { aia: "aplic" } },
  { name: "smp with IMSIC", guests: [{ payload: "smp", cpus: 3 }], machine: { aia: "aplic-imsic" } },
  { name: "plic", guests: [{ payload: "plic", cpus: 2 }] },
  { name: "uart", guests: [{ payload: "uart", verify: wholeBurst }] },
  {
    name: "fp of two guests on one hart",
    guests: [
      { payload: "fp", name: "fp1", cpus: 2, args: "seed=1" },
      { payload: "fp", name: "fp2", cpus: 2, args: "seed=2" },
    ],
    machine: { harts: 1 },
  },
  {
    name: "reboot from clean memory",
    guests: [{ payload: "reboot", cpus: 2, ends: "never" }],
    act: (running) => linesOf(running, "reboot", /^BOOT clean pages \d+$/, REBOOTS),
  },
];

const containment: readonly Scenario[] = [
  { name: "hostile accesses", guests: [{ payload: "hostile", cpus: 2 }, heartbeat(10)], act: ignore(hostAnswers) },
  {
    name: "hostile with SBI timer and IMSIC",
    guests: [{ payload: "hostile", args: "seed=2" }, heartbeat(10)],
    machine: { sstc: "off", aia: "aplic-imsic", harts: 1 },
    act: ignore(hostAnswers),
  },
  {
    name: "neighbours that trap, spin, stop and mistranslate",
    guests: [heartbeat(20), hostile(1), hostile(2), hostile(3), hostile(4), hostile(12), hostile(10)],
    act: ignore(hostAnswers),
  },
  {
    name: "neighbours that flood and storm",
    guests: [heartbeat(20), hostile(5), hostile(6), hostile(7, 2), hostile(8, 2), hostile(9), hostile(11)],
    act: ignore(hostAnswers),
  },
];

function ignore(act: (running: Running) => Promise<unknown>): (running: Running) => Promise<void> {
  return async (running) => void (await act(running));
}

export const SCENARIOS: readonly Scenario[] = [...functional, ...containment];
