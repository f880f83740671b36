// SPDX-License-Identifier: Apache-2.0
// Random transitions: up to eight guests are created, started, paused, resumed, reset, powered off and destroyed in any
// order and state, several at a time, with console traffic; also twice, and while others do the same. What the hypervisor
// refuses it must refuse with a status; what it accepts must come about.
import { setTimeout as sleep } from "node:timers/promises";
import { ChannelError, OPERATIONS } from "@typeone/protocol";
import type { Progress } from "./progress.ts";
import { type ActionName, type Handle, NEIGHBOURS, type SoakedHost } from "./soaked-host.ts";

const MOST = 8;
const ACTIONS: readonly ActionName[] = [
  "Start",
  "Pause",
  "Resume",
  "Reset",
  "Reboot",
  "Shutdown",
  "PowerOff",
  "Destroy",
  "Destroy",
];
const PAYLOADS = ["heartbeat", "smp", "hello", "reboot"] as const;

/** A small generator with a seed, so that a run can be repeated (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export interface TransitionsResult {
  readonly seconds: number;
  readonly created: number;
  readonly done: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly beats: readonly number[];
}

class Transitions {
  readonly #host: SoakedHost;
  readonly #random: (below: number) => number;
  readonly done: Record<string, number> = {};
  readonly refused: Record<string, number> = {};
  readonly living: Handle[] = [];
  created = 0;

  constructor(host: SoakedHost, seed: number) {
    this.#host = host;
    this.#random = randomOf(seed);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random(from.length)] as T;
  }

  async step(): Promise<void> {
    const choice = this.#random(12);
    if (this.living.length < 2 || (choice === 0 && this.living.length < MOST)) return this.#create();
    if (choice === 1) return this.#type();
    const handle = this.#pick(this.living);
    const action = this.#pick(ACTIONS);
    const twice = this.#random(8) === 0 ? [action, action] : [action];
    await Promise.all(twice.map((one) => this.#act(handle, one)));
  }

  async #act(handle: Handle, action: ActionName): Promise<void> {
    try {
      await this.#host.act(handle, action);
      this.done[action] = (this.done[action] ?? 0) + 1;
      if (action === "Destroy") this.#forget(handle);
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      this.refused[action] = (this.refused[action] ?? 0) + 1;
    }
  }

  #forget(handle: Handle): void {
    const at = this.living.indexOf(handle);
    if (at >= 0) this.living.splice(at, 1);
  }

  async #create(): Promise<void> {
    this.created += 1;
    const payload = this.#pick(PAYLOADS);
    const memoryMiB = 12 + 2 * this.#random(8);
    const end = this.#pick(["destroy", "restart", "preserve"]);
    const name = `guest${this.created}`;
    const properties = { "typeone,on-poweroff": end, "typeone,on-reboot": end, "typeone,restart-limit": 3 };
    const wanted = { name, payload, memoryMiB, cpus: 1 + this.#random(4), args: "beats=0", properties };
    try {
      this.living.push(await this.#host.create(wanted));
    } catch (error) {
      // Memory of guests that are gone is cleared before anybody gets it, which takes its time.
      if (!(error instanceof ChannelError) || error.code !== "NoMemory") throw error;
      this.refused["Create"] = (this.refused["Create"] ?? 0) + 1;
    }
  }

  /** Bytes for a guest that may not be there any more. */
  async #type(): Promise<void> {
    const handle = this.#pick(this.living);
    const info = await this.#host.guest(handle);
    if (!info) return this.#forget(handle);
    const tail = Buffer.from("x".repeat(1 + this.#random(400)));
    const { client } = this.#host;
    await client
      .call(OPERATIONS.Write, { ...handle, position: info.consoleInput }, { tail })
      .catch((error: unknown) => {
        if (!(error instanceof ChannelError)) throw error;
      });
  }
}

export async function transitions(
  host: SoakedHost,
  options: { readonly minutes: number; readonly seed: number; readonly progress: Progress },
): Promise<TransitionsResult> {
  const began = Date.now();
  const end = began + options.minutes * 60_000;
  const work = new Transitions(host, options.seed);
  const before = await Promise.all(NEIGHBOURS.map((name) => host.beats(name)));
  let told = began;
  while (Date.now() < end) {
    await work.step();
    if (Date.now() - told < 10_000) continue;
    told = Date.now();
    const count = Object.values(work.done).reduce((sum, number) => sum + number, 0);
    options.progress(`${Math.round((told - began) / 1000)} s: ${work.created} guests created, ${count} transitions`);
  }
  for (const handle of work.living.splice(0)) {
    await host.act(handle, "Destroy").catch((error: unknown) => {
      if (!(error instanceof ChannelError)) throw error;
    });
    await host.gone(handle);
  }
  await sleep(100);
  const after = await Promise.all(NEIGHBOURS.map((name) => host.beats(name)));
  const beats = after.map((now, i) => now - (before[i] ?? 0));
  if (options.minutes > 0 && beats.some((number) => number <= 0))
    throw new Error(`a neighbour's heart stood still: ${beats.join(", ")} beats`);
  const { done, refused, created } = work;
  return { seconds: (Date.now() - began) / 1000, created, done, refused, beats };
}
