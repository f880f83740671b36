// SPDX-License-Identifier: Apache-2.0
// Boots one cell of the matrix and says how it went. Called by run.ts, two at a time; each has a QEMU and a folder of
// its own and ends in bounded time.
import path from "node:path";
import { BUILD_DIR, bootTypeOne, GUEST_UP, type GuestSpec, type RunningMachine } from "@typeone/host";
import { debianGuest } from "../qemu/debian.ts";
import { HOST, Transcript } from "../qemu/transcript.ts";
import type { Cell } from "./cells.ts";

export interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** What the cell showed besides its boot, or why it failed. */
  readonly note: string;
}

const BASE_MS = 120_000;
const PER_GUEST_MS = 45_000;
const PER_REBOOT_MS = 30_000;
const POWER_OFF = /reboot: Power down/;
const LOOK_MS = 500;

async function guestsOf(cell: Cell): Promise<GuestSpec[]> {
  const mode = cell.reboots === undefined ? "poweroff" : "reboot";
  const guests: GuestSpec[] = [];
  for (let i = 1; i <= cell.guests; i++) {
    const guest = await debianGuest(`debian${i}`, mode, cell.cpus);
    guests.push({ ...guest, properties: { "typeone,restart-limit": 0 } });
  }
  return guests;
}

interface Watched {
  readonly machine: RunningMachine;
  readonly transcript: Transcript;
  readonly signal: AbortSignal;
}

const count = (transcript: Transcript, name: string, wanted: RegExp): number =>
  transcript.of(name).filter((line) => wanted.test(line)).length;

async function powersOff({ transcript, signal }: Watched, guests: readonly GuestSpec[]): Promise<string> {
  const up = (name: string): RegExp => new RegExp(`${GUEST_UP} ${name}`);
  await transcript.until(() => guests.every(({ name }) => count(transcript, name, up(name)) > 0), signal);
  await transcript.until(() => guests.every(({ name }) => count(transcript, name, POWER_OFF) > 0), signal);
  return "";
}

/** Free memory for guests, in KiB, as the terminal tells it. */
async function freeMemory({ machine, transcript, signal }: Watched): Promise<number> {
  const before = transcript.of(HOST).length;
  const answer = (): RegExpExecArray | undefined =>
    transcript
      .of(HOST)
      .slice(before)
      .map((line) => /"freeKiB":(\d+)/.exec(line))
      .find((match) => match !== null) ?? undefined;
  machine.console.type("\rhost info -j\r");
  await transcript.until(() => answer() !== undefined, signal);
  return Number(answer()?.[1]);
}

async function reboots(watched: Watched, guest: GuestSpec, times: number): Promise<string> {
  const { transcript, signal } = watched;
  const boots = (): number => count(transcript, guest.name, new RegExp(`${GUEST_UP} ${guest.name}`));
  await transcript.until(() => boots() >= 1, signal);
  const first = await freeMemory(watched);
  await transcript.until(() => boots() > times, signal);
  const last = await freeMemory(watched);
  if (first !== last) throw new Error(`free memory was ${first} KiB and is ${last} KiB after ${times} reboots`);
  return `${times} reboots, ${last} KiB free before and after`;
}

export async function runCell(cell: Cell, hypervisor: string): Promise<Outcome> {
  const start = Date.now();
  const outcome = (ok: boolean, note: string): Outcome => ({
    name: cell.name,
    ok,
    seconds: (Date.now() - start) / 1000,
    note,
  });
  const guests = await guestsOf(cell);
  const outDir = path.join(BUILD_DIR, "matrix", cell.name.replace(/[^\w.-]+/g, "-"));
  const stop = new AbortController();
  const limit = BASE_MS + guests.length * PER_GUEST_MS + (cell.reboots ?? 0) * PER_REBOOT_MS;
  const timer = setTimeout(() => stop.abort(new Error(`not over after ${limit / 1000} s`)), limit);
  let machine: RunningMachine | undefined;
  let transcript: Transcript | undefined;
  try {
    machine = await bootTypeOne({ machine: cell.machine, guests, hypervisor, outDir });
    const names = guests.map(({ name }) => name);
    transcript = new Transcript(machine.console, names);
    void machine.exited.then(() => setTimeout(() => stop.abort(new Error("QEMU ended")), LOOK_MS));
    const watched = { machine, transcript, signal: stop.signal };
    const [only] = guests;
    const work = cell.reboots && only ? reboots(watched, only, cell.reboots) : powersOff(watched, guests);
    return outcome(true, await work);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return outcome(false, `${why}\n${transcript?.tail() ?? ""}`);
  } finally {
    clearTimeout(timer);
    await machine?.kill();
  }
}
