// SPDX-License-Identifier: Apache-2.0
// A stream of the hypervisor (a console, its log) as kept on disk: files of a bounded size, oldest dropped, and where in
// the stream they stand, so that after a kill nothing is kept twice or left out. Position = base + size of the newest
// file; the base is in a file beside it and changes only when a new file begins or the stream jumps.
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

export interface KeepOptions {
  readonly fileBytes: number;
  readonly files: number;
}

export const CONSOLE_KEEP: KeepOptions = { fileBytes: 4 << 20, files: 4 };

export class KeptStream {
  readonly #file: string;
  readonly #options: KeepOptions;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  /** Which stream it is: another guest of the same name begins anew. */
  #key = "";
  #base = 0;
  #size: number;

  constructor(file: string, options: KeepOptions = CONSOLE_KEEP) {
    this.#file = file;
    this.#options = options;
    this.#size = existsSync(file) ? statSync(file).size : 0;
    try {
      const { key, base } = JSON.parse(readFileSync(`${file}.at`, "utf8")) as { key: string; base: number };
      if (typeof key === "string" && Number.isInteger(base)) [this.#key, this.#base] = [key, base];
    } catch {
      // A stream that nothing is kept of.
    }
  }

  /** The stream is `key` from now on: what is kept of another one goes. */
  begin(key: string): void {
    if (key === this.#key) return;
    for (let turn = 0; turn < this.#options.files; turn++) rmSync(this.#name(turn), { force: true });
    rmSync(`${this.#file}.at`, { force: true });
    [this.#key, this.#base, this.#size] = ["", 0, 0];
  }

  /** Where the stream `key` goes on; undefined when nothing of it is kept. */
  position(key: string): number | undefined {
    return key === this.#key ? (this.#base + this.#size) >>> 0 : undefined;
  }

  /** Keeps bytes of the stream `key` from `position` on, and tells the listeners. */
  append(key: string, position: number, bytes: Uint8Array): void {
    if (this.#size + bytes.length > this.#options.fileBytes && this.#size > 0) this.#rotate();
    if (this.position(key) !== position) this.#place(key, (position - this.#size) >>> 0);
    appendFileSync(this.#file, bytes, { mode: 0o600 });
    this.#size += bytes.length;
    for (const listener of [...this.#listeners]) listener(bytes);
  }

  /** A remark of ours; it takes no place in the stream. */
  remark(text: string): void {
    const bytes = Buffer.from(text);
    appendFileSync(this.#file, bytes, { mode: 0o600 });
    this.#size += bytes.length;
    if (this.#key !== "") this.#place(this.#key, (this.#base - bytes.length) >>> 0);
    for (const listener of [...this.#listeners]) listener(bytes);
  }

  /** All that is kept. */
  history(): Buffer {
    const names = Array.from({ length: this.#options.files }, (_, turn) => this.#name(turn)).reverse();
    return Buffer.concat(names.filter((name) => existsSync(name)).map((name) => readFileSync(name)));
  }

  /** The newest `most` bytes. */
  tail(most: number): Buffer {
    const newest = existsSync(this.#file) ? readFileSync(this.#file) : Buffer.alloc(0);
    return newest.length >= most ? newest.subarray(newest.length - most) : this.history().subarray(-most);
  }

  /** Hears new bytes from now on; with history() in the same turn, nothing is missed. Answers how to stop. */
  listen(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #name(turn: number): string {
    return turn === 0 ? this.#file : `${this.#file}.${turn}`;
  }

  #rotate(): void {
    const next = (this.#base + this.#size) >>> 0;
    for (let turn = this.#options.files - 1; turn > 0; turn--) {
      if (existsSync(this.#name(turn - 1))) renameSync(this.#name(turn - 1), this.#name(turn));
    }
    this.#size = 0;
    this.#place(this.#key, next);
  }

  #place(key: string, base: number): void {
    [this.#key, this.#base] = [key, base];
    writeFileSync(`${this.#file}.at.new`, JSON.stringify({ key, base }), { mode: 0o600 });
    renameSync(`${this.#file}.at.new`, `${this.#file}.at`);
  }
}
