// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own counters before and after a soak: everything that guests took must be back.
import type { HostInfo } from "@typeone/protocol";
import { OPERATIONS } from "@typeone/protocol";
import type { SoakedHost } from "./soaked-host.ts";

/** Counters that must be what they were, once nothing of the soak is left. */
export const HELD = ["memoryFree", "guests", "tablesUsed", "blobs", "entities", "lines", "vmidsInUse"] as const;

export type Holdings = Readonly<Record<(typeof HELD)[number], number>>;

export function holdingsOf(info: HostInfo): Holdings {
  return {
    memoryFree: Number(info.memoryFree),
    guests: info.guests,
    tablesUsed: info.tablesTotal - info.tablesFree,
    blobs: info.blobs,
    entities: info.entities,
    lines: info.lines,
    vmidsInUse: info.vmidsInUse,
  };
}

export async function hostInfo(host: SoakedHost): Promise<HostInfo> {
  return (await host.client.call(OPERATIONS.HostInfo, {})).answer;
}

/** What differs, in words; blobs are dropped first, and clearing them takes a moment. */
export async function drift(host: SoakedHost, before: Holdings): Promise<string[]> {
  await host.takeOver();
  let differences: string[] = [];
  await host
    .until(
      "counters are what they were",
      async () => holdingsOf(await hostInfo(host)),
      (after) => {
        differences = HELD.filter((name) => after[name] !== before[name]).map(
          (name) => `${name} was ${before[name]} and is ${after[name]}`,
        );
        return differences.length === 0;
      },
      10_000,
    )
    .catch(() => undefined);
  return differences;
}
