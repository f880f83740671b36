// SPDX-License-Identifier: Apache-2.0
// The last events of a run as plain JSON, for a person who looks for the cause of a failed test, and the counters of
// exits with the imports that each kind cost.

export interface TraceEntry {
  readonly time: string;
  readonly hart: number;
  readonly what: string;
  readonly detail: string;
}

export interface ExitCount {
  count: number;
  /** Import calls over all of them. */
  imports: number;
}

export class Trace {
  readonly #limit: number;
  #entries: TraceEntry[] = [];
  /** By kind: "ecall", "load", "interrupt 5", "idle" … */
  readonly exits = new Map<string, ExitCount>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  note(time: bigint, hart: number, what: string, detail: string): void {
    if (this.#limit === 0) return;
    this.#entries.push({ time: time.toString(), hart, what, detail });
    if (this.#entries.length > 2 * this.#limit) this.#entries = this.#entries.slice(-this.#limit);
  }

  countExit(kind: string, imports: number): void {
    const entry = this.exits.get(kind) ?? { count: 0, imports: 0 };
    entry.count++;
    entry.imports += imports;
    this.exits.set(kind, entry);
  }

  get entries(): readonly TraceEntry[] {
    return this.#entries.slice(-this.#limit);
  }

  /** One event per line. */
  toString(): string {
    return this.entries
      .map((entry) => `${entry.time.padStart(10)} hart${entry.hart} ${entry.what} ${entry.detail}`)
      .join("\n");
  }
}
