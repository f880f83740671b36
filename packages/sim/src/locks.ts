// SPDX-License-Identifier: Apache-2.0
// Watches the core's spin locks (core/lib/lock.ts) through its atomic operations: which hart holds which, that all are free
// when a hart leaves the core, and that none is waited for that nobody will release.
import { Violation } from "./faults.ts";

const POLL_LIMIT = 100_000;
const POLL_PATIENCE = 4;

export class LockWatch {
  /** Lock pointer → index of the hart that holds it. */
  readonly #held = new Map<number, number>();
  #polled = 0;
  #polls = 0;
  acquisitions = 0;

  get count(): number {
    return this.#held.size;
  }

  /** Hart `hart` tries to take a lock whose word is `before`: 0 means that it has it now. */
  tried(ptr: number, before: number, hart: number): void {
    if (before === 0) {
      this.#held.set(ptr, hart);
      this.acquisitions++;
    } else if (this.#held.get(ptr) !== hart) {
      // The holder runs below this frame, or left the lock behind: nobody will release it.
      this.#deadlock(ptr, hart);
    }
  }

  released(ptr: number): void {
    this.#held.delete(ptr);
  }

  /** The core looks at a shared word; answers whether it keeps looking at the same one, that is, waits for it. */
  polled(ptr: number, hart: number): boolean {
    this.#polls = ptr === this.#polled ? this.#polls + 1 : 0;
    this.#polled = ptr;
    if (this.#polls > POLL_LIMIT) throw new Violation(`hart ${hart} polls ${ptr.toString(16)} for ever`);
    return this.#polls > POLL_PATIENCE;
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
