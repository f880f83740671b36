// SPDX-License-Identifier: Apache-2.0
// The serial line of a running machine as a test or a tool sees it: everything printed so far, waiting for a pattern, and
// typing. Fed by launch.ts; used by the demo's check, the QEMU tests and the matrix. It never interprets the bytes.
import { StringDecoder } from "node:string_decoder";
import { lastLines } from "../errors.ts";

/** Thrown when the awaited text does not come; carries where the console stood. */
export class ConsoleError extends Error {
  readonly tail: string;
  readonly reason: "timeout" | "closed";

  constructor(reason: "timeout" | "closed", message: string, tail: string) {
    super(message);
    this.name = "ConsoleError";
    this.reason = reason;
    this.tail = tail;
  }
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Where to look: behind the last match (default), or in everything kept. */
  readonly from?: "cursor" | "start";
}

interface Waiter {
  readonly pattern: RegExp;
  readonly from: "cursor" | "start";
  readonly settle: (match: RegExpExecArray | ConsoleError) => void;
}

/** Text kept for matching; older text is dropped so that a flooding guest cannot exhaust the tool. */
const KEPT = 8 << 20;

export class Console {
  #text = "";
  #cursor = 0;
  #dropped = 0;
  #closed: string | undefined;
  readonly #decoder = new StringDecoder("utf8");
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(bytes: Buffer) => void>();
  readonly #send: (bytes: Buffer) => void;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  /** Everything kept so far. */
  get text(): string {
    return this.#text;
  }

  /** Characters dropped from the front so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Raw output as it comes; answers a function that stops it. */
  onData(listener: (bytes: Buffer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called by the owner of the serial line with each piece of output. */
  feed(bytes: Buffer): void {
    for (const listener of this.#listeners) listener(bytes);
    this.#text += this.#decoder.write(bytes);
    const excess = this.#text.length - KEPT;
    if (excess > 0) {
      this.#text = this.#text.slice(excess);
      this.#dropped += excess;
      this.#cursor = Math.max(0, this.#cursor - excess);
    }
    for (const waiter of [...this.#waiters]) this.#tryMatch(waiter);
  }

  /** Called by the owner when no more output can come. */
  close(why: string): void {
    this.#closed = why;
    for (const waiter of [...this.#waiters]) {
      this.#waiters.delete(waiter);
      waiter.settle(new ConsoleError("closed", `${why} before ${String(waiter.pattern)} appeared`, this.tail()));
    }
  }

  type(text: string): void {
    this.#send(Buffer.from(text));
  }

  send(bytes: Buffer): void {
    this.#send(bytes);
  }

  /** Moves the point from which `waitFor` looks to the end of what is there now. */
  skip(): void {
    this.#cursor = this.#text.length;
  }

  tail(lines = 12): string {
    return lastLines(this.#text, lines);
  }

  #tryMatch(waiter: Waiter): boolean {
    const start = waiter.from === "start" ? 0 : this.#cursor;
    const match = waiter.pattern.exec(this.#text.slice(start));
    if (!match) return false;
    this.#waiters.delete(waiter);
    if (waiter.from === "cursor") this.#cursor = start + match.index + match[0].length;
    waiter.settle(match);
    return true;
  }

  /** Resolves with the first match; rejects with a ConsoleError after the time, or when the console closes. */
  waitFor(pattern: RegExp, options: WaitOptions): Promise<RegExpExecArray> {
    const plain = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    return new Promise((resolve, reject) => {
      const waited = `${(options.timeoutMs / 1000).toFixed(0)} s`;
      const waiter: Waiter = {
        pattern: plain,
        from: options.from ?? "cursor",
        settle: (result) => {
          clearTimeout(timer);
          if (result instanceof ConsoleError) reject(result);
          else resolve(result);
        },
      };
      const giveUp = (reason: "timeout" | "closed", message: string) => {
        this.#waiters.delete(waiter);
        waiter.settle(new ConsoleError(reason, message, this.tail()));
      };
      const timer = setTimeout(
        () => giveUp("timeout", `${String(plain)} did not appear within ${waited}`),
        options.timeoutMs,
      );
      this.#waiters.add(waiter);
      if (this.#tryMatch(waiter) || this.#closed === undefined) return;
      giveUp("closed", `${this.#closed} before ${String(plain)} appeared`);
    });
  }
}
