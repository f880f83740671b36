// SPDX-License-Identifier: Apache-2.0
// What people type into a guest, from several terminals at once: one queue per guest, sent by absolute positions so that
// a repeated frame types nothing twice, and as fast as the guest takes it.
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelClient, getGuest, OPERATIONS } from "@typeone/protocol";

export interface GuestHandle {
  readonly id: number;
  readonly generation: number;
}

const MOST_QUEUED = 64 << 10;
const PIECE = 1024;
const FIRST_WAIT_MS = 5;
const MOST_WAIT_MS = 200;

export class ConsoleInput {
  readonly #client: () => Promise<ChannelClient>;
  readonly #guest: GuestHandle;
  readonly #idle: (() => void)[] = [];
  #queue: Buffer = Buffer.alloc(0);
  #running = false;

  constructor(client: () => Promise<ChannelClient>, guest: GuestHandle) {
    this.#client = client;
    this.#guest = guest;
  }

  /** Queues what was typed; resolves when there is room for more. */
  type(bytes: Uint8Array): Promise<void> {
    this.#queue = Buffer.concat([this.#queue, bytes]);
    if (!this.#running) void this.#run();
    if (this.#queue.length < MOST_QUEUED) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      const client = await this.#client();
      const guest = await getGuest(client, this.#guest);
      if (guest) await this.#send(client, guest.consoleInput);
      else this.#queue = Buffer.alloc(0);
    } catch {
      // The guest or the session is gone; what was typed goes with it.
      this.#queue = Buffer.alloc(0);
    } finally {
      this.#running = false;
      for (const wake of this.#idle.splice(0)) wake();
    }
  }

  async #send(client: ChannelClient, from: number): Promise<void> {
    const { id: guest, generation } = this.#guest;
    let position = from;
    let wait = FIRST_WAIT_MS;
    while (this.#queue.length > 0) {
      const tail = this.#queue.subarray(0, PIECE);
      const { answer } = await client.call(OPERATIONS.Write, { guest, generation, position }, { tail });
      const taken = (answer.position - position) >>> 0;
      position = answer.position;
      // More than we sent: somebody else typed in between, and none of ours was taken.
      if (taken > tail.length) continue;
      this.#queue = this.#queue.subarray(taken);
      if (this.#queue.length < MOST_QUEUED / 2) for (const wake of this.#idle.splice(0)) wake();
      wait = taken > 0 ? FIRST_WAIT_MS : Math.min(wait * 2, MOST_WAIT_MS);
      if (this.#queue.length > 0 && answer.room === 0) await sleep(wait);
    }
  }
}
