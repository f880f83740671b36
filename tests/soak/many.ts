// SPDX-License-Identifier: Apache-2.0
// As many guests at once as there may be: every one says its first word, the next one is refused with the limit's name,
// those that run go on, and everything comes back.
import { ChannelError } from "@typeone/protocol";
import type { Progress } from "./progress.ts";
import { type Handle, NEIGHBOURS, type SoakedHost } from "./soaked-host.ts";

export interface ManyResult {
  readonly guests: number;
  readonly refusal: string;
}

export async function many(host: SoakedHost, progress: Progress): Promise<ManyResult> {
  const limit = host.client.host?.guestLimit ?? 0;
  const handles: Handle[] = [];
  for (let i = NEIGHBOURS.length; i < limit; i++) {
    handles.push(await host.create({ name: `many${i}`, payload: "heartbeat", memoryMiB: 12, args: "beats=0" }));
    if (handles.length % 10 === 0) progress(`${handles.length} guests at once`);
  }
  for (const handle of handles) {
    await host.until(
      `guest ${handle.guest} beats among ${limit}`,
      () => host.console(handle),
      (text) => /BEAT 1 /.test(text),
      120_000,
    );
  }
  const refusal = await host.create({ name: "onetoomany", payload: "hello" }).then(
    () => "none",
    (error: unknown) => (error instanceof ChannelError ? `${error.code}: ${error.words}` : String(error)),
  );
  if (!/^Limit: there are \d+ guests already/.test(refusal)) throw new Error(`one guest too many met: ${refusal}`);
  for (const name of NEIGHBOURS) await host.beats(name);
  for (const handle of handles) await host.act(handle, "Destroy");
  for (const handle of handles) await host.gone(handle);
  return { guests: limit, refusal };
}
