// SPDX-License-Identifier: Apache-2.0
// A link that dies: it passes so many writes on, of the next one a part, and then the socket is gone without a word, as
// when its process is killed.
import type net from "node:net";
import type { ByteStream } from "@typeone/protocol";

export class CutLink implements ByteStream {
  readonly #socket: net.Socket;
  #left: number;
  readonly #part: number;

  /** `writes` pass whole, of the next one the fraction `part`. */
  constructor(socket: net.Socket, writes: number, part: number) {
    this.#socket = socket;
    this.#left = writes;
    this.#part = part;
  }

  get cut(): boolean {
    return this.#left < 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#left > 0) this.#socket.write(bytes);
    else if (this.#left === 0) {
      const part = bytes.subarray(0, Math.floor(bytes.length * this.#part));
      // What was written must get out before the socket closes: a killed process' kernel buffers do.
      if (part.length > 0) this.#socket.write(part);
      this.#socket.end();
      this.#socket.destroySoon();
    }
    this.#left -= 1;
  }

  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: string, listener: (value: never) => void): unknown {
    return this.#socket.on(event, listener as (...values: unknown[]) => void);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
