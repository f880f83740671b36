// SPDX-License-Identifier: Apache-2.0
// Watches the core's spin locks (core/lib/lock.ts) through its atomic swaps: which hart holds which, that all are free
// when a hart leaves the core, and that none is waited for that nobody will release.
import { Violation } from "./faults.ts";

const POLL_LIMIT = 100_000;

export class LockWatch {
  readonly #view: () => DataView;
  /** Lock pointer → index of the hart that holds it. */
  readonly #held = new Map<number, number>();
  #polled = 0;
  #polls = 0;
  acquisitions = 0;

  constructor(view: () => DataView) {
    this.#view = view;
  }

  get count(): number {
    return this.#held.size;
  }

  /** A lock has its rank, a small number, behind its holder field; other swapped words do not. */
  #isLock(ptr: number): boolean {
    const view = this.#view();
    if (ptr + 8 > view.byteLength) return false;
    const rank = view.getUint32(ptr + 4, true);
    return rank >= 1 && rank <= 16;
  }

  /** Sees every atomic swap; `before` is the value that was there. */
  swapped(ptr: number, value: number, before: number, hart: number): void {
    if (value === 0) {
      this.#held.delete(ptr);
      return;
    }
    if (this.#held.has(ptr)) this.#deadlock(ptr, hart);
    if (before === 0 && value <= 64 && this.#isLock(ptr)) {
      this.#held.set(ptr, hart);
      this.acquisitions++;
    }
  }

  polled(ptr: number, value: number, hart: number): void {
    if (value !== 0 && this.#held.has(ptr)) this.#deadlock(ptr, hart);
    this.#polls = ptr === this.#polled ? this.#polls + 1 : 0;
    this.#polled = ptr;
    if (this.#polls > POLL_LIMIT) throw new Violation(`hart ${hart} polls ${ptr.toString(16)} for ever`);
  }

  #deadlock(ptr: number, hart: number): never {
    throw new Violation(
      `hart ${hart} waits for the lock at ${ptr.toString(16)} that hart ${this.#held.get(ptr)} holds`,
    );
  }

  /** Called when a hart leaves the core. */
  left(hart: number): void {
    this.#polls = 0;
    for (const [ptr, holder] of this.#held) {
      if (holder === hart)
        throw new Violation(`hart ${hart} leaves the core with the lock at ${ptr.toString(16)} held`);
    }
  }
}
