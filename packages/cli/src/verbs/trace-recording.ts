// SPDX-License-Identifier: Apache-2.0
// Recording a trace: switches it on, hands every piece of records on until the time is over, switches it off again.
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { GuestNames, TraceRecord } from "@typeone/trace";
import type { Context } from "../context.ts";
import type { HostClient, TraceHeader, TracePiece } from "../host-client.ts";

export interface Recording {
  readonly mask: number;
  /** Ends by itself after this long, else when the context's signal or `ended` says so. */
  readonly seconds: number | undefined;
  readonly ended?: AbortSignal;
  onHeader(header: TraceHeader): void;
  onRecords(hart: number, records: readonly TraceRecord[], lost: number): void | Promise<void>;
}

/** Records until it is over. What the rings held before the beginning is left out. */
export async function record(context: Context, client: HostClient, recording: Recording): Promise<void> {
  const { decodeRecords } = await import("@typeone/trace");
  const { ticksPerSecond, uptimeNs } = await client.host();
  const from = BigInt(Math.floor((uptimeNs / 1e9) * ticksPerSecond));
  const signals = [context.signal, recording.ended].filter((signal) => signal !== undefined);
  if (recording.seconds !== undefined) signals.push(AbortSignal.timeout(Math.round(recording.seconds * 1000)));
  await client.setTrace(recording.mask);
  try {
    const signal = AbortSignal.any(signals);
    const feed = client.trace({ follow: true, signal, onHeader: (header) => recording.onHeader(header) });
    const begun = new Set<number>();
    for await (const { hart, lost, bytes } of feed as AsyncIterable<TracePiece>) {
      const records = decodeRecords(bytes).filter(({ time }) => time >= from);
      // Losses before the beginning are nobody's.
      if (records.length > 0) await recording.onRecords(hart, records, begun.has(hart) ? lost : 0);
      if (records.length > 0) begun.add(hart);
      if (signal.aborted) break;
    }
  } finally {
    await client.setTrace(0);
  }
}

/** Names of guests by their numbers. */
export async function guestNames(client: HostClient): Promise<GuestNames> {
  const names = new Map((await client.guests()).map(({ id, name }) => [id, name]));
  return (guest) => names.get(guest);
}

/** A file that Perfetto opens; answers how many records it holds. */
export async function recordFile(
  context: Context,
  client: HostClient,
  how: Pick<Recording, "mask" | "seconds"> & { readonly file: string },
): Promise<number> {
  const { PerfettoWriter } = await import("@typeone/trace");
  const names = await guestNames(client);
  const out = createWriteStream(how.file);
  // Opened before the trace is switched on, so that a bad name fails at once.
  await new Promise<void>((resolve, reject) => out.once("open", () => resolve()).once("error", reject));
  const write = (text: string): void | Promise<void> =>
    out.write(text) ? undefined : new Promise((resolve) => out.once("drain", resolve));
  let writer: InstanceType<typeof PerfettoWriter> | undefined;
  let count = 0;
  await record(context, client, {
    ...how,
    onHeader: ({ ticksPerSecond }) =>
      (writer = new PerfettoWriter({ frequency: ticksPerSecond, write, guestNames: names })),
    onRecords: async (hart, records, lost) => {
      count += records.length;
      await writer?.add(hart, records, lost);
    },
  });
  writer ??= new PerfettoWriter({ frequency: 1, write, guestNames: names });
  await writer.end();
  out.end();
  await finished(out);
  return count;
}
