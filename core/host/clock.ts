// SPDX-License-Identifier: Apache-2.0
// Host time in nanoseconds: what clocks for people and for guests are made of. Any context. The timebase is a fixed
// frequency, so ticks and nanoseconds convert exactly, rounded so that ticks(ns) is never before ns.
// @lock per boot: `frequency` is set once by the boot hart.
const NANOSECONDS: u64 = 1_000_000_000;

let frequency: u64 = 1_000_000_000;

/** Boot: ticks of the host's timebase per second (timebase-frequency of the host tree); 0 is refused. */
export function setClock(ticksPerSecond: u64): void {
  if (ticksPerSecond != 0) frequency = ticksPerSecond;
}

export function ticksPerSecond(): u64 {
  return frequency;
}

/** Whole nanoseconds in `ticks`. Split in seconds and rest, so it holds for 580 years at any frequency below 2^34. */
export function nanoseconds(ticks: u64): u64 {
  return (ticks / frequency) * NANOSECONDS + ((ticks % frequency) * NANOSECONDS) / frequency;
}

/** The first tick at or after `ns` nanoseconds; all ones (never) when that does not fit. */
export function ticksAt(ns: u64): u64 {
  const seconds = ns / NANOSECONDS;
  if (seconds >= u64.MAX_VALUE / frequency) return u64.MAX_VALUE;
  const rest = (ns % NANOSECONDS) * frequency;
  return seconds * frequency + (rest + NANOSECONDS - 1) / NANOSECONDS;
}
