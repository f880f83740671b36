// SPDX-License-Identifier: Apache-2.0
// Crash records of guests, fetched as soon as one crashes and kept as files, so that they can be read when the guest is
// long gone. The newest 50 stay.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { type ChannelClient, type GuestInfo, OPERATIONS, type TrailExit } from "@typeone/protocol";
import type { CrashRecord, CrashSummary } from "./api.ts";
import { type Clock, hex, nanoseconds } from "./convert.ts";
import { writeJsonFile } from "./state.ts";

const MOST = 50;

interface Stored extends CrashRecord {
  /** Which guest's crash, and when: one is stored once. */
  readonly key: string;
}

export class CrashStore {
  readonly #folder: string;
  readonly #seen = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
    for (const record of this.#all()) this.#seen.add(record.key);
  }

  /** Newest first. */
  list(): CrashSummary[] {
    return this.#all().map(({ guest, file, seenAt, cause, vcpu, pc }) => ({ guest, file, seenAt, cause, vcpu, pc }));
  }

  /** The newest one of that guest. */
  newest(guest: string): CrashRecord | undefined {
    const found = this.#all().find((record) => record.guest === guest);
    return found && withoutKey(found);
  }

  /** Fetches and stores a crashed guest's record, unless it is stored already. */
  async take(client: ChannelClient, guest: GuestInfo, clock: Clock): Promise<void> {
    const handle = { guest: guest.id, generation: guest.generation };
    const { answer: crash } = await client.call(OPERATIONS.Crash, handle);
    const key = `${guest.id}.${guest.generation}.${guest.createdAt}.${crash.when}`;
    if (crash.reason === 0 || this.#seen.has(key)) return;
    this.#seen.add(key);
    const registers = (await client.call(OPERATIONS.CrashRegisters, handle)).records;
    const trail: TrailExit[] = [];
    for (;;) {
      const from: number = trail.length;
      const { records } = await client.call(OPERATIONS.CrashTrail, { ...handle, from });
      trail.push(...records);
      if (records.length === 0 || trail.length >= crash.trail) break;
    }
    const seenAt = new Date().toISOString();
    const file = path.join(this.#folder, `${seenAt.replaceAll(":", "-")}-${guest.id + 1}.json`);
    const record: Stored = {
      key,
      guest: guest.name,
      file,
      seenAt,
      cause: crash.cause,
      vcpu: crash.vcpu,
      pc: hex(crash.pc),
      reason: crash.reason,
      detail: hex(crash.detail),
      hypervisorPc: hex(crash.hypervisorPc),
      hypervisorValue: hex(crash.hypervisorValue),
      whenNs: nanoseconds(crash.when, clock),
      registers: registers.map(({ name, value }) => ({ name, value: hex(value) })),
      trail: trail.map(({ name, pc, detail, func }) => ({
        ...{ name, pc: hex(pc), detail: hex(detail) },
        func: hex(func),
      })),
    };
    await writeJsonFile(file, record);
    for (const old of this.#files().slice(MOST)) rmSync(path.join(this.#folder, old), { force: true });
  }

  #files(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".json"))
      .sort()
      .reverse();
  }

  #all(): Stored[] {
    return this.#files().flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(path.join(this.#folder, name), "utf8")) as Stored];
      } catch {
        return [];
      }
    });
  }
}

function withoutKey(stored: Stored): CrashRecord {
  const record: Partial<Stored> & CrashRecord = { ...stored };
  delete (record as { key?: string }).key;
  return record;
}
