// SPDX-License-Identifier: Apache-2.0
// TCP between this machine and a guest through a forwarded port: random bytes go to an echo server in the guest and every
// byte that comes back is compared. One connection after another, until it is told to stop. Called by the io soak.
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { randomOf } from "../transitions.ts";

const BLOCK = 64 << 10;
const BLOCKS_A_CONNECTION = 128;
/** A block that is not back by then is an error. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 200;
/** Between two blocks: without it the guest has no time for its disks. */
const BLOCK_PAUSE_MS = 150;

export class Echo {
  readonly #port: number;
  readonly #random: (below: number) => number;
  readonly #ended: Promise<void>;
  #stopped = false;
  /** Bytes that came back as they were sent. */
  checked = 0;
  connections = 0;
  readonly errors: string[] = [];

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#random = randomOf(seed);
    this.#ended = this.#run();
  }

  /** Ends with the block that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#connection().catch((error: unknown) => this.errors.push(String(error)));
      await sleep(PAUSE_MS);
    }
  }

  async #connection(): Promise<void> {
    const socket = net.connect({ host: "127.0.0.1", port: this.#port });
    // What waits for the socket hears of its errors; a late one of a socket that is given up concerns nobody.
    socket.on("error", () => undefined);
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(PATIENCE_MS) });
      this.connections += 1;
      for (let block = 0; block < BLOCKS_A_CONNECTION && !this.#stopped; block++) {
        await this.#block(socket);
        await sleep(BLOCK_PAUSE_MS);
      }
    } finally {
      socket.destroy();
    }
  }

  async #block(socket: net.Socket): Promise<void> {
    const sent = Buffer.alloc(BLOCK);
    for (let at = 0; at < BLOCK; at += 4) sent.writeUInt32LE(this.#random(2 ** 32), at);
    const back = readExactly(socket, BLOCK);
    socket.write(sent);
    const received = await back;
    if (!received.equals(sent)) throw new Error(`bytes came back changed (port ${this.#port})`);
    this.checked += BLOCK;
  }
}

/** So many bytes of a socket; rejects when it ends before, or is silent for too long. */
function readExactly(socket: net.Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let have = 0;
    const timer = setTimeout(() => finish(new Error(`no answer in ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    const onData = (bytes: Buffer): void => {
      pieces.push(bytes);
      have += bytes.length;
      if (have >= length) finish(undefined);
    };
    const onError = (error: Error): void => finish(error);
    const onClose = (): void => finish(new Error("the connection ended"));
    const finish = (error: Error | undefined): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("error", onError).off("close", onClose);
      if (error) reject(error);
      else resolve(Buffer.concat(pieces));
    };
    socket.on("data", onData).on("error", onError).on("close", onClose);
  });
}
