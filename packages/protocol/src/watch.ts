// SPDX-License-Identifier: Apache-2.0
// Guests by their handles: looking at one, and waiting until it is as wanted, woken by the event stream.
import type { ChannelClient } from "./client.ts";
import { ChannelTimeout } from "./errors.ts";
import { type GuestInfo, OPERATIONS } from "./generated.ts";

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, for the message. */
  readonly what?: string;
}

/** All guests. */
export async function listGuests(client: ChannelClient): Promise<GuestInfo[]> {
  const guests: GuestInfo[] = [];
  for (let from = 0; ;) {
    const { records } = await client.call(OPERATIONS.Guests, { from });
    guests.push(...records);
    const last = records.at(-1);
    if (!last) return guests;
    from = last.id + 1;
  }
}

/** The guest of that id and generation; undefined when it is gone. */
export async function getGuest(
  client: ChannelClient,
  handle: { readonly id: number; readonly generation: number },
): Promise<GuestInfo | undefined> {
  const { records } = await client.call(OPERATIONS.Guests, { from: handle.id });
  return records.find(({ id, generation }) => id === handle.id && generation === handle.generation);
}

const LOOK_MS = 1000;

/** Looks at a guest at each event until `done` says so; ChannelTimeout when that takes too long. */
export async function waitForGuest(
  client: ChannelClient,
  handle: { readonly id: number; readonly generation: number },
  done: (guest: GuestInfo | undefined) => boolean,
  options: WaitOptions,
): Promise<GuestInfo | undefined> {
  const deadline = Date.now() + options.timeoutMs;
  let [wake, events] = [() => undefined as void, -1];
  const unlisten = client.onNotice((notice) => {
    if (notice.events === events) return;
    events = notice.events;
    wake();
  });
  try {
    for (;;) {
      const next = new Promise<void>((resolve) => (wake = resolve));
      options.signal?.throwIfAborted();
      const guest = await getGuest(client, handle);
      if (done(guest)) return guest;
      const left = deadline - Date.now();
      if (left <= 0) throw new ChannelTimeout(options.what ?? "what was asked of a guest", options.timeoutMs);
      const timer = setTimeout(() => wake(), Math.min(left, LOOK_MS));
      options.signal?.addEventListener("abort", wake, { once: true });
      await next;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", wake);
    }
  } finally {
    unlisten();
  }
}
