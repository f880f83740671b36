// SPDX-License-Identifier: Apache-2.0
// What time it is for people: read once at boot from the host's Goldfish RTC, if it has one. Guests' clocks start here.
// @lock per boot
import { RTC_TIME_HIGH, RTC_TIME_LOW } from "../dev/spec";
import { FdtRange, fdtAddress, fdtFindCompatible } from "../fdt/read";
import * as hw from "../hw";
import { Status } from "../lib/status";
import { now } from "../arch/seam";
import { nanoseconds } from "./clock";

let base: u64 = 0;
const range: usize = memory.data(16, 8);

/** Boot: finds and reads the host's clock. Without one, time begins in 1970. */
export function wallClockInit(fdt: usize): void {
  const node = fdtFindCompatible(fdt, 0, "google,goldfish-rtc");
  const at = changetype<FdtRange>(range);
  if (!node || fdtAddress(fdt, node, 0, at) != Status.Ok) return;
  const hva = hw.mapDevice(at.base, at.size);
  if (!hva) return;
  const low = hw.mmioRead32(hva + RTC_TIME_LOW);
  base = (((<u64>hw.mmioRead32(hva + RTC_TIME_HIGH)) << 32) | low) - nanoseconds(now());
}

/** Nanoseconds since 1970 at host time zero. */
export function wallClockBase(): u64 {
  return base;
}
