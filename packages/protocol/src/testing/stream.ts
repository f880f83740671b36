// SPDX-License-Identifier: Apache-2.0
// A stream with absolute positions that keeps its newest bytes, as the hypervisor's do.

export class FakeStream {
  end = 0;
  lost = 0;
  #kept: Buffer = Buffer.alloc(0);
  readonly #capacity: number;
  readonly #unit: number;

  constructor(capacity = 16384, unit = 1) {
    this.#capacity = capacity;
    this.#unit = unit;
  }

  append(bytes: Uint8Array): void {
    this.#kept = Buffer.concat([this.#kept, bytes]);
    this.end = (this.end + bytes.length / this.#unit) >>> 0;
    const over = this.#kept.length - this.#capacity;
    if (over > 0) this.#kept = this.#kept.subarray(over);
  }

  read(position: number, most: number): { position: number; bytes: Uint8Array } {
    const behind = ((this.end - position) >>> 0) * this.#unit;
    const from = this.#kept.length - Math.min(behind, this.#kept.length);
    const bytes = this.#kept.subarray(from, from + Math.floor(most / this.#unit) * this.#unit);
    return { position: (this.end - (this.#kept.length - from) / this.#unit) >>> 0, bytes: Uint8Array.from(bytes) };
  }
}
