// SPDX-License-Identifier: Apache-2.0
// The host's serial line with its terminal for people. QEMU writes everything that it shows into a file, with or without
// a reader; that file is what clients see, so nothing is missing or there twice. The socket is for what they type.
import { closeSync, copyFileSync, existsSync, fstatSync, openSync, readSync, truncateSync } from "node:fs";
import { connect, type Socket } from "node:net";

const LOOK_MS = 200;
const RETRY_MS = 500;
const PIECE = 64 << 10;
const MOST_BYTES = 8 << 20;

export class Uart {
  readonly #socketPath: string;
  readonly #logFile: string;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | undefined;
  #position: number;
  #stopped = false;

  constructor(socketPath: string, logFile: string) {
    this.#socketPath = socketPath;
    this.#logFile = logFile;
    this.#position = this.#size();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#connect();
  }

  /** The newest `most` bytes that were shown before what listeners hear. */
  tail(most: number): Buffer {
    this.#look();
    return this.#read(Math.max(0, this.#position - most), this.#position);
  }

  listen(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  type(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#look();
    this.#socket?.destroy();
  }

  #connect(): void {
    if (this.#stopped) return;
    const socket = connect(this.#socketPath);
    socket.on("connect", () => (this.#socket = socket));
    // What comes here comes to the file too.
    socket.on("data", () => void setImmediate(() => this.#look()));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#socket = undefined;
      if (!this.#stopped) setTimeout(() => this.#connect(), RETRY_MS).unref();
    });
  }

  #look(): void {
    const size = this.#size();
    if (size < this.#position) this.#position = 0;
    if (size === this.#position) return;
    const bytes = this.#read(this.#position, size);
    this.#position += bytes.length;
    for (const listener of [...this.#listeners]) listener(bytes);
    if (this.#position > MOST_BYTES) this.#shorten();
  }

  /** QEMU appends, so a file that is cut grows from 0 on. */
  #shorten(): void {
    copyFileSync(this.#logFile, `${this.#logFile}.1`);
    truncateSync(this.#logFile, 0);
    this.#position = 0;
  }

  #size(): number {
    if (!existsSync(this.#logFile)) return 0;
    const file = openSync(this.#logFile, "r");
    try {
      return fstatSync(file).size;
    } finally {
      closeSync(file);
    }
  }

  #read(from: number, to: number): Buffer {
    if (to <= from || !existsSync(this.#logFile)) return Buffer.alloc(0);
    const file = openSync(this.#logFile, "r");
    try {
      const parts: Buffer[] = [];
      for (let at = from; at < to;) {
        const part = Buffer.alloc(Math.min(PIECE, to - at));
        const length = readSync(file, part, 0, part.length, at);
        if (length === 0) break;
        parts.push(part.subarray(0, length));
        at += length;
      }
      return Buffer.concat(parts);
    } finally {
      closeSync(file);
    }
  }
}
