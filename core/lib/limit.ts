// SPDX-License-Identifier: Apache-2.0
// Token buckets: how often something may happen, however often it is asked for. Used for a guest's console bytes and
// for log lines that a guest can cause. The owner's lock guards it; time is whatever monotonic ticks the owner counts.

@unmanaged
export class Limit {
  /** When tokens were last counted up. */
  last: u64 = 0;
  /** Ticks that earn one token; 0 means no limit. */
  ticksPerToken: u64 = 0;
  tokens: u32 = 0;
  capacity: u32 = 0;
  /** What was refused since the last grant. */
  refused: u32 = 0;
  pad: u32 = 0;
}

/** A full bucket of `capacity` tokens. */
export function limitInit(limit: Limit, capacity: u32, ticksPerToken: u64, now: u64): void {
  limit.last = now;
  limit.ticksPerToken = ticksPerToken;
  limit.tokens = capacity;
  limit.capacity = capacity;
  limit.refused = 0;
}

/** Tokens to be had now. */
export function limitAvailable(limit: Limit, now: u64): u32 {
  if (limit.ticksPerToken == 0) return u32.MAX_VALUE;
  if (now <= limit.last) return limit.tokens;
  const earned = (now - limit.last) / limit.ticksPerToken;
  if (earned == 0) return limit.tokens;
  const missing = limit.capacity - limit.tokens;
  limit.tokens += earned < <u64>missing ? <u32>earned : missing;
  limit.last += earned * limit.ticksPerToken;
  return limit.tokens;
}

/** Uses up `count` tokens that limitAvailable just promised. */
export function limitSpend(limit: Limit, count: u32): void {
  if (limit.ticksPerToken != 0) limit.tokens -= count < limit.tokens ? count : limit.tokens;
}

/** One token, or 0 and the refusal is counted. */
export function limitTake(limit: Limit, now: u64): u32 {
  if (limitAvailable(limit, now) == 0) {
    limit.refused += 1;
    return 0;
  }
  limitSpend(limit, 1);
  return 1;
}

/** When `count` tokens will be there (at once if they are). */
export function limitWhen(limit: Limit, count: u32): u64 {
  const wanted = count < limit.capacity ? count : limit.capacity;
  return wanted <= limit.tokens ? limit.last : limit.last + <u64>(wanted - limit.tokens) * limit.ticksPerToken;
}
