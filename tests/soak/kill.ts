// SPDX-License-Identifier: Apache-2.0
// The toolstack dies at every point of a create, and the channel is fed garbage, cut frames and replays. Afterwards a
// new client takes over, finds a whole guest or none, and nothing is lost on the hypervisor's side.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ChannelClient, encodeFrame, OPERATIONS, WIRE_KIND_REQUEST, WireState } from "@typeone/protocol";
import { drift, holdingsOf, hostInfo } from "./counters.ts";
import { CutLink } from "./cut-link.ts";
import type { Progress } from "./progress.ts";
import { NEIGHBOURS, type SoakedHost } from "./soaked-host.ts";
import { randomOf } from "./transitions.ts";

export interface KillResult {
  readonly deaths: number;
  /** Deaths after which the guest was there, whole. */
  readonly whole: number;
  readonly garbage: number;
}

/** Fractions of a frame that get out before the process is gone. */
const PARTS = [0, 0.5, 1] as const;
const MOST_WRITES = 400;

/** Dies after each number of writes, until one create gets through. */
export async function deaths(host: SoakedHost, progress: Progress): Promise<{ deaths: number; whole: number }> {
  const before = holdingsOf(await hostInfo(host));
  let died = 0;
  let whole = 0;
  for (let writes = 0; writes < MOST_WRITES; writes++) {
    for (const part of PARTS) {
      const link = new CutLink(await host.connect(), writes, part);
      host.client = new ChannelClient(link, { timeoutMs: 1500, resendMs: 400 });
      const name = `killed${writes}-${part * 100}`;
      const finished = await createThrough(host, name);
      died += link.cut ? 1 : 0;
      whole += await checkAfter(host, name, before);
      if (finished && !link.cut) return { deaths: died, whole };
    }
    progress(`died after ${writes} writes of a create`);
  }
  throw new Error(`a create takes more than ${MOST_WRITES} writes`);
}

async function createThrough(host: SoakedHost, name: string): Promise<boolean> {
  try {
    await host.client.hello({ timeoutMs: 1500 });
    await host.create({ name, payload: "hello" });
    return true;
  } catch {
    // The link died under it, which is the point.
    return false;
  }
}

/** Takes over; answers 1 if the guest is there, which must then be whole. Destroys it and counts. */
async function checkAfter(host: SoakedHost, name: string, before: ReturnType<typeof holdingsOf>): Promise<number> {
  await host.takeOver();
  const guest = (await host.guests()).find((one) => one.name === name);
  if (guest) {
    const handle = { guest: guest.id, generation: guest.generation };
    const settled = [WireState.Running, WireState.Shutdown];
    await host.until(
      `${name} is whole`,
      () => host.guest(handle),
      (info) => info !== undefined && settled.some((state) => state === info.state),
    );
    await host.act(handle, "Destroy");
    await host.gone(handle);
  }
  const differences = await drift(host, before);
  if (differences.length > 0) throw new Error(`after the death of ${name}: ${differences.join("; ")}`);
  return guest ? 1 : 0;
}

/** Random bytes, cut frames and replays between good ones; answers how many pieces of garbage there were. */
export async function garbage(host: SoakedHost, pieces: number, seed: number): Promise<number> {
  const random = randomOf(seed);
  const before = holdingsOf(await hostInfo(host));
  const destroy = { kind: WIRE_KIND_REQUEST, session: 12345, operation: OPERATIONS.GuestAction.number, status: 0 };
  const old = encodeFrame({ ...destroy, sequence: 1, body: new Uint8Array(OPERATIONS.GuestAction.request.size) });
  for (let piece = 0; piece < pieces; piece++) {
    const socket = await host.connect();
    const kind = random(4);
    if (kind === 0) socket.write(randomBytes(1 + random(6000)));
    else if (kind === 1) socket.write(old.subarray(0, 1 + random(old.length - 1)));
    else if (kind === 2) for (let i = 0; i < 20; i++) socket.write(old);
    else socket.write(Buffer.alloc(1 + random(9000), random(2) === 0 ? 0x00 : 0x01));
    await sleep(1);
    host.client = new ChannelClient(socket);
    await host.client.hello();
    const differences = await drift(host, before);
    if (differences.length > 0) throw new Error(`after garbage of kind ${kind}: ${differences.join("; ")}`);
  }
  for (const name of NEIGHBOURS) await host.beats(name);
  return pieces;
}

export async function kill(host: SoakedHost, progress: Progress, pieces = 200): Promise<KillResult> {
  // What the session before this one had sent goes with it.
  await host.takeOver();
  await host.until(
    "no blobs are left",
    () => hostInfo(host),
    (info) => info.blobs === 0,
  );
  const survived = await deaths(host, progress);
  return { ...survived, garbage: await garbage(host, pieces, 1) };
}
