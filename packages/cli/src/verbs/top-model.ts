// SPDX-License-Identifier: Apache-2.0
// What `typeone top` shows: two samples of the counters become shares and rates, sorted by a column. Pure.
import type { GuestInfo, HartInfo, HostInfo } from "../host-client.ts";

export interface Sample {
  readonly host: HostInfo;
  readonly harts: readonly HartInfo[];
  readonly guests: readonly GuestInfo[];
}

export interface TopGuest {
  readonly name: string;
  readonly id: number;
  readonly state: GuestInfo["state"];
  readonly vcpus: number;
  readonly memoryBytes: number;
  /** Harts' worth of time on harts, and of waiting for one: 2 vCPUs at full speed are 2. */
  readonly cpu: number;
  readonly wait: number;
  readonly runTimeNs: number;
  readonly exitsPerSecond: number;
  readonly interruptsPerSecond: number;
  readonly consolePerSecond: number;
}

export interface TopHart {
  readonly index: number;
  readonly busy: number;
  readonly runs: string | undefined;
}

export interface Top {
  readonly seconds: number;
  readonly harts: readonly TopHart[];
  readonly guests: readonly TopGuest[];
}

export const SORTS = ["cpu", "name", "id", "memory", "wait", "exits", "interrupts", "console", "time"] as const;
export type Sort = (typeof SORTS)[number];

const VALUES: Readonly<Record<Exclude<Sort, "name">, (guest: TopGuest) => number>> = {
  cpu: (guest) => guest.cpu,
  id: (guest) => -guest.id,
  memory: (guest) => guest.memoryBytes,
  wait: (guest) => guest.wait,
  exits: (guest) => guest.exitsPerSecond,
  interrupts: (guest) => guest.interruptsPerSecond,
  console: (guest) => guest.consolePerSecond,
  time: (guest) => guest.runTimeNs,
};

function guestOf(now: GuestInfo, was: GuestInfo | undefined, nanoseconds: number): TopGuest {
  // Counters of a guest of the same name that is another one do not continue.
  const before = was && was.exits <= now.exits && was.runTimeNs <= now.runTimeNs ? was : undefined;
  const share = (value: number, former: number): number =>
    before && nanoseconds > 0 ? (value - former) / nanoseconds : 0;
  const rate = (value: number, former: number): number => share(value, former) * 1e9;
  return {
    name: now.name,
    id: now.id,
    state: now.state,
    vcpus: now.vcpus,
    memoryBytes: now.memoryBytes,
    cpu: share(now.runTimeNs, before?.runTimeNs ?? 0),
    wait: share(now.waitTimeNs, before?.waitTimeNs ?? 0),
    runTimeNs: now.runTimeNs,
    exitsPerSecond: rate(now.exits, before?.exits ?? 0),
    interruptsPerSecond: rate(now.interrupts, before?.interrupts ?? 0),
    consolePerSecond: rate(now.consoleOut, before?.consoleOut ?? 0),
  };
}

/** What happened between two samples. Without a former one all rates are 0. */
export function topOf(now: Sample, before: Sample | undefined, sort: { by: Sort; reverse: boolean }): Top {
  const nanoseconds = before ? now.host.uptimeNs - before.host.uptimeNs : 0;
  const guests = now.guests.map((guest) =>
    guestOf(
      guest,
      before?.guests.find((was) => was.id === guest.id && was.name === guest.name),
      nanoseconds,
    ),
  );
  const harts = now.harts.map((hart): TopHart => {
    const was = before?.harts.find(({ index }) => index === hart.index);
    const idle = was && nanoseconds > 0 ? (hart.idleNs - was.idleNs) / nanoseconds : 1;
    const { current } = hart;
    return {
      index: hart.index,
      busy: Math.min(1, Math.max(0, 1 - idle)),
      runs: current && `${current.guest}/${current.vcpu}`,
    };
  });
  const { by } = sort;
  const order = (a: TopGuest, b: TopGuest): number =>
    (by === "name" ? 0 : VALUES[by](b) - VALUES[by](a)) || a.name.localeCompare(b.name);
  guests.sort((a, b) => (sort.reverse ? order(b, a) : order(a, b)));
  return { seconds: nanoseconds / 1e9, harts, guests };
}
