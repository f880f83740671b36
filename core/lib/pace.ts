// SPDX-License-Identifier: Apache-2.0
// A rate over time: so many bytes or requests a second, however fast they are asked for. One word says up to when what
// was let through has used the rate up; up to a tenth of a second may be used up ahead. The owner's lock guards it.

@unmanaged
export class Pace {
  /** Host time (ticks) up to which the rate is used up. */
  until: u64 = 0;
  /** Units a second; 0: no limit. */
  rate: u64 = 0;
  ticksPerSecond: u64 = 0;
}

export function paceInit(pace: Pace, rate: u64, ticksPerSecond: u64): void {
  pace.until = 0;
  pace.rate = rate;
  pace.ticksPerSecond = ticksPerSecond;
}

/** Host time at which the next may be let through; 0: now. */
export function paceWhen(pace: Pace, now: u64): u64 {
  const ahead = pace.ticksPerSecond / 10;
  return pace.rate != 0 && pace.until > now + ahead ? pace.until - ahead : 0;
}

/** Lets `units` (below 2^32) through. */
export function paceSpend(pace: Pace, units: u64, now: u64): void {
  if (pace.rate == 0) return;
  const whole = (units / pace.rate) * pace.ticksPerSecond;
  const from = max(pace.until, now);
  const until = from + whole + ((units % pace.rate) * pace.ticksPerSecond) / pace.rate;
  // After centuries of debt time itself would begin anew.
  pace.until = until < from ? u64.MAX_VALUE : until;
}
