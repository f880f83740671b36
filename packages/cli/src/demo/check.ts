// SPDX-License-Identifier: Apache-2.0
// The demo without a person: waits until every guest is up, types a command into each whose answer cannot be an echo,
// reads the hypervisor's counters from its own terminal, and answers what happened. Called by `demo --check`.
import { setTimeout as sleep } from "node:timers/promises";
import {
  ConsoleError,
  GUEST_UP,
  GUEST_UP_STAMP,
  type Progress,
  formatSeconds,
  inStep,
  launch,
  messageOf,
} from "@typeone/host";
import { type GuestStats, readGuestStats } from "./guest-stats.ts";
import type { DemoPlan, PreparedDemo, Reach } from "./prepare.ts";
import { sshBanner } from "./ssh-banner.ts";
import { HOST, TypeOneConsole } from "./typeone-console.ts";

export interface GuestResult {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  /** Wall-clock seconds from the start of QEMU to the guest's own announcement; absent when it never came. */
  readonly upSeconds?: number;
  /** Seconds on the guest's own clock when it reached userland. */
  readonly guestSeconds?: number;
  /**
   * With exact counting: instructions of the whole machine from the start of the guest's clock to its userland. The
   * neighbours' are in it: QEMU counts no harts apart.
   */
  readonly instructions?: number;
  readonly answer?: string;
  /** What of its network was tried, in words. */
  readonly network?: string;
  readonly stats?: GuestStats;
}

export interface CheckFailure {
  /** A guest's name, or "host". */
  readonly where: string;
  readonly step: string;
  readonly why: string;
  /** The last lines that this guest (or the host) printed, and the host's. */
  readonly tail: string;
  readonly hostTail: string;
}

export interface CheckResult {
  readonly ok: boolean;
  readonly plan: DemoPlan;
  readonly kernelVersion: string;
  readonly guests: readonly GuestResult[];
  /** One for each guest that failed in the step that ended the check; empty when all went well. */
  readonly failures: readonly CheckFailure[];
}

export interface CheckOptions {
  readonly plan: DemoPlan;
  readonly progress: Progress;
  readonly timeoutMs: number;
  /** How this machine reaches a guest, if it does. */
  readonly reach?: Reach;
  /** Gets the serial line as it comes. */
  readonly transcript?: { write(bytes: Buffer): unknown };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Results = Map<string, Mutable<GuestResult>>;

/** Names whose step failed, so that the report can say which guest it was. */
class CheckError extends Error {
  readonly where: string;
  readonly step: string;

  constructor(where: string, step: string, why: string) {
    super(why);
    this.where = where;
    this.step = step;
  }
}

const ANSWER_TRIES = 4;
const ANSWER_MS = 15_000;
const LOOK_MS = 1_500;
const LOGIN_MS = 60_000;

async function at<T>(where: string, step: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof CheckError ? error : new CheckError(where, step, messageOf(error));
  });
}

async function waitUp(line: TypeOneConsole, results: Results, options: CheckOptions): Promise<void> {
  const start = Date.now();
  const one = async (guest: Mutable<GuestResult>) => {
    const words =
      options.plan.root === "disk" ? `Debian GNU/Linux \\S+ ${guest.name} ttyS0` : `${GUEST_UP} ${guest.name}\\b`;
    const announcement = new RegExp(words);
    const waited = line.console.waitFor(announcement, { timeoutMs: options.timeoutMs, from: "start" });
    await at(guest.name, "boot to userland", waited);
    guest.upSeconds = (Date.now() - start) / 1000;
  };
  await inStep(options.progress, `boot ${results.size} guests to userland`, async (step) => {
    const all = [...results.values()];
    const settled = await Promise.allSettled(
      all.map((guest) =>
        one(guest).then(() => step.update(`${guest.name} after ${formatSeconds((guest.upSeconds ?? 0) * 1000)}`)),
      ),
    );
    const failed = settled.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    if (failed.length > 0) throw new AggregateError(failed, "not every guest reached userland");
    step.done(all.map((guest) => `${guest.name} ${(guest.upSeconds ?? 0).toFixed(1)} s`).join(", "));
  });
}

/** Types into one guest. The digits 42 are not in what is typed, so an echo cannot pass for the answer. */
async function askGuest(line: TypeOneConsole, guest: Mutable<GuestResult>): Promise<void> {
  const expected = `42-${guest.name}`;
  const answer = new RegExp(`^(?:\\[${guest.name}\\] )?${expected}\\s*$`, "m");
  line.focus(guest.name);
  for (let attempt = 1; ; attempt++) {
    line.console.type(attempt === 1 ? "\r" : "\u0003\r");
    line.console.type("echo $((6*7))-$(hostname)\r");
    try {
      await line.console.waitFor(answer, { timeoutMs: ANSWER_MS });
      guest.answer = expected;
      return;
    } catch (error) {
      const last = attempt === ANSWER_TRIES || (error instanceof ConsoleError && error.reason === "closed");
      if (last) throw new CheckError(guest.name, "answer a typed command", messageOf(error));
    }
  }
}

/** Logs root in, who has no password; the prompt that comes is the shell's. */
async function logIn(line: TypeOneConsole, guest: GuestResult): Promise<void> {
  line.focus(guest.name);
  line.console.type("\r");
  await at(guest.name, "show its login prompt", line.console.waitFor(/login: /, { timeoutMs: LOGIN_MS }));
  line.console.type("root\r");
  const prompt = new RegExp(`root@${guest.name}:`);
  await at(guest.name, "log root in", line.console.waitFor(prompt, { timeoutMs: LOGIN_MS }));
}

/** Each guest but the first pings the first; this machine greets the first one's ssh through the forwarded port. */
async function tryNetwork(line: TypeOneConsole, results: Results, reach: Reach): Promise<string> {
  const others = [...results.values()].filter(({ name }) => name !== reach.guest);
  for (const guest of others) {
    line.focus(guest.name);
    line.console.type(`ping -c 3 ${reach.address}\r`);
    const answered = line.console.waitFor(/([1-3]) received/, { timeoutMs: LOGIN_MS });
    const [, count] = await at(guest.name, `ping ${reach.guest}`, answered);
    guest.network = `${count} of 3 pings to ${reach.guest}`;
  }
  const banner = await at(reach.guest, "greet by ssh", sshBanner(reach.port));
  const first = results.get(reach.guest);
  if (first) first.network = `${banner} at port ${reach.port}`;
  return [...results.values()].map(({ name, network = "" }) => `${name}: ${network}`).join(", ");
}

async function runSteps(line: TypeOneConsole, results: Results, options: CheckOptions): Promise<void> {
  const { reach, plan } = options;
  await waitUp(line, results, options);
  if (plan.root === "disk") {
    await inStep(options.progress, "log in", async () => {
      for (const guest of results.values()) await logIn(line, guest);
    });
  }
  await inStep(options.progress, "type a command into each guest", async (step) => {
    for (const guest of results.values()) {
      await askGuest(line, guest);
      if (plan.root === "memory") await readUpStamp(line, guest, plan);
    }
    step.done([...results.values()].map((guest) => guest.answer).join(", "));
  });
  if (reach)
    await inStep(options.progress, "try the network", async (step) =>
      step.done(await tryNetwork(line, results, reach)),
    );
  await inStep(options.progress, "read the hypervisor's counters", async () => {
    line.focus(HOST);
    for (const guest of results.values()) {
      guest.stats = await at(HOST, `guest stats ${guest.name}`, readGuestStats(line.console, guest.name));
    }
  });
}

/** Reads the guest's clock at userland off its kernel log; one instruction is one nanosecond when QEMU counts. */
async function readUpStamp(line: TypeOneConsole, guest: Mutable<GuestResult>, plan: DemoPlan): Promise<void> {
  line.console.type("dmesg | grep 'typeone: user'\r");
  const waited = line.console.waitFor(GUEST_UP_STAMP, { timeoutMs: ANSWER_MS });
  const [, seconds] = await at(guest.name, "read its kernel log", waited);
  guest.guestSeconds = Number(seconds);
  if (plan.machine.icount === "on") guest.instructions = Math.round(guest.guestSeconds * 1e9);
}

/** After a failure: what the hypervisor says about its guests and vCPUs joins the host's last lines, if it still answers. */
async function lookAtHost(line: TypeOneConsole): Promise<void> {
  line.focus(HOST);
  line.console.type("\rguest list\rvcpu list\r");
  await sleep(LOOK_MS);
}

function failuresOf(error: unknown, line: TypeOneConsole): CheckFailure[] {
  if (error instanceof AggregateError) return error.errors.flatMap((one: unknown) => failuresOf(one, line));
  const where = error instanceof CheckError ? error.where : HOST;
  const step = error instanceof CheckError ? error.step : "run the check";
  return [{ where, step, why: messageOf(error), tail: line.tail(where), hostTail: line.tail(HOST) }];
}

/** Boots and checks; a failure is part of the result, and QEMU is gone when this resolves. */
export async function checkDemo(demo: PreparedDemo, options: CheckOptions): Promise<CheckResult> {
  const { plan } = options;
  const results: Results = new Map(
    demo.guests.map((guest) => [guest.name, { name: guest.name, vcpus: guest.cpus, memoryMiB: guest.memoryMiB }]),
  );
  const machine = await launch(demo.image.args);
  const { transcript } = options;
  if (transcript) machine.console.onData((bytes) => void transcript.write(bytes));
  const line = new TypeOneConsole(machine.console, plan.guests);
  const base = { plan, kernelVersion: demo.kernelVersion };
  try {
    await runSteps(line, results, options);
    return { ...base, ok: true, guests: [...results.values()], failures: [] };
  } catch (error) {
    await lookAtHost(line);
    return { ...base, ok: false, guests: [...results.values()], failures: failuresOf(error, line) };
  } finally {
    await machine.kill();
  }
}
