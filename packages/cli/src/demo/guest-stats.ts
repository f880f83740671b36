// SPDX-License-Identifier: Apache-2.0
// What the hypervisor's own terminal tells about a guest: `guest stats NAME -j` answers one JSON line that starts with
// `{"guest":`. Fields that are not known here are kept out of the way, missing ones are missing in the result.
import type { Console } from "@typeone/host";
import { z } from "zod";

const statsSchema = z.looseObject({
  guest: z.union([z.string(), z.number()]),
  name: z.string().optional(),
  state: z.string().optional(),
  vcpus: z.number().optional(),
  memoryKiB: z.number().optional(),
  restarts: z.number().optional(),
  /** Microseconds that its vCPUs ran. */
  runTime: z.number().optional(),
  exits: z.record(z.string(), z.number()).optional(),
});

export type GuestStats = z.infer<typeof statsSchema>;

const ANSWER_MS = 10_000;

/** The stats in one printed line; undefined when the line is about something else. */
export function parseGuestStats(line: string, name: string): GuestStats | undefined {
  const start = line.indexOf('{"guest":');
  if (start < 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.slice(start).trim());
  } catch {
    return undefined;
  }
  const parsed = statsSchema.safeParse(value);
  if (!parsed.success) return undefined;
  return parsed.data.name === name || parsed.data.guest === name ? parsed.data : undefined;
}

/** Types the command at the host's terminal, which must have the focus, and reads the answer. */
export async function readGuestStats(console: Console, name: string): Promise<GuestStats> {
  console.type(`guest stats ${name} -j\r`);
  const deadline = Date.now() + ANSWER_MS;
  for (;;) {
    const [line] = await console.waitFor(/\{"guest":[^\n]*\n/, { timeoutMs: Math.max(deadline - Date.now(), 1) });
    const stats = parseGuestStats(line, name);
    if (stats) return stats;
  }
}
