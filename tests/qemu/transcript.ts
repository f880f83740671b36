// SPDX-License-Identifier: Apache-2.0
// What each guest and the host printed, line by line, from one serial line with the focus at the host's terminal:
// `[name] text` is a guest's, the rest the host's. Waiting is by predicate over a guest's lines.
import type { Console } from "@typeone/host";

export const HOST = "host";

/** Text as a person would see it: no control sequences, and what a carriage return overwrote is gone. */
export function plain(line: string): string {
  const text = line.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "\r").replace(/\r+$/, "");
  return text.slice(text.lastIndexOf("\r") + 1);
}

export class Transcript {
  readonly #names: ReadonlySet<string>;
  readonly #lines = new Map<string, string[]>();
  readonly #waiters = new Set<() => void>();
  #rest = "";
  raw = "";

  /** Without names, every line is the guest's that is called `only`. */
  constructor(console: Console, names: readonly string[], only?: string) {
    this.#names = new Set(names);
    const receive = (text: string): void => {
      this.raw += text;
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#keep(plain(line), only);
      for (const look of [...this.#waiters]) look();
    };
    receive(console.text);
    console.onData((bytes) => receive(bytes.toString("latin1")));
  }

  #keep(line: string, only: string | undefined): void {
    const match = /^\[([^\]]+)\] ?(.*)$/.exec(line);
    const guest = match && this.#names.has(match[1] as string);
    const name = guest ? (match[1] as string) : (only ?? HOST);
    const lines = this.#lines.get(name) ?? [];
    lines.push(guest ? (match[2] as string) : line);
    this.#lines.set(name, lines);
  }

  of(name: string): readonly string[] {
    return this.#lines.get(name) ?? [];
  }

  /** Resolves once `done` holds, looked at after each piece of output; rejects at `signal`. */
  until(done: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        this.#waiters.delete(look);
        signal.removeEventListener("abort", stop);
        act();
      };
      const look = (): void => {
        if (done()) finish(resolve);
      };
      const stop = (): void => finish(() => reject(signal.reason as Error));
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop);
      this.#waiters.add(look);
      look();
    });
  }

  /** The last lines of everybody, for a failure's report. */
  tail(count = 15): string {
    return this.raw
      .split("\n")
      .map(plain)
      .filter((line) => line.trim() !== "")
      .slice(-count)
      .join("\n");
  }
}
