// SPDX-License-Identifier: Apache-2.0
// A link in memory that can lose, repeat, delay, damage and cut what crosses it.
import type { ByteStream } from "../client.ts";

export type Mischief = "none" | "lose" | "twice" | "late" | "damage" | "cut" | "garbage";

export interface LinkOptions {
  /** What happens to the n-th piece in either direction. */
  readonly mischief?: (turn: number, direction: "up" | "down") => Mischief;
}

type Listener = (bytes: Uint8Array) => void;

/** One end of a link. */
export class LinkEnd implements ByteStream {
  readonly #data: Listener[] = [];
  readonly #closed: (() => void)[] = [];
  readonly #send: (bytes: Uint8Array) => void;
  readonly #destroy: () => void;

  constructor(send: (bytes: Uint8Array) => void, destroy: () => void) {
    this.#send = send;
    this.#destroy = destroy;
  }

  write(bytes: Uint8Array): void {
    this.#send(Uint8Array.from(bytes));
  }

  on(event: string, listener: never): void {
    if (event === "data") this.#data.push(listener as Listener);
    if (event === "close") this.#closed.push(listener as () => void);
  }

  deliver(bytes: Uint8Array): void {
    for (const listener of this.#data) listener(bytes);
  }

  closed(): void {
    for (const listener of this.#closed) listener();
  }

  destroy(): void {
    this.#destroy();
  }
}

/** Both ends of a new link: ours ("up" is what it sends) and the hypervisor's. */
export function fakeLink(options: LinkOptions = {}): { ours: LinkEnd; theirs: LinkEnd } {
  let turn = 0;
  let open = true;
  const deliver = (to: () => LinkEnd, bytes: Uint8Array, late = 0) => {
    const now = () => open && to().deliver(bytes);
    if (late > 0) setTimeout(now, late);
    else setImmediate(now);
  };
  const carry = (to: () => LinkEnd, direction: "up" | "down") => (bytes: Uint8Array) => {
    const kind = options.mischief?.(turn++, direction) ?? "none";
    const place = turn % bytes.length;
    if (kind === "lose") return;
    if (kind === "damage") bytes[place] = (bytes[place] as number) ^ (1 + (turn & 0x7f));
    if (kind === "garbage")
      deliver(
        to,
        Uint8Array.from({ length: 40 }, (_, at) => (at * turn) & 0xff),
      );
    deliver(to, kind === "cut" ? bytes.subarray(0, place) : bytes, kind === "late" ? 15 : 0);
    if (kind === "twice") deliver(to, bytes, turn % 3 === 0 ? 20 : 0);
  };
  const destroy = () => {
    if (!open) return;
    open = false;
    setImmediate(() => {
      ours.closed();
      theirs.closed();
    });
  };
  const ours: LinkEnd = new LinkEnd(
    carry(() => theirs, "up"),
    destroy,
  );
  const theirs: LinkEnd = new LinkEnd(
    carry(() => ours, "down"),
    destroy,
  );
  return { ours, theirs };
}

const KINDS: readonly Mischief[] = ["lose", "twice", "late", "damage", "cut", "garbage"];

/** Mischief by chance, the same for a seed: of a hundred pieces `percent` do not arrive as they were sent. */
export function mischiefOf(seed: number, percent: number): (turn: number) => Mischief {
  return (turn) => {
    let value = Math.imul(turn ^ seed, 0x9e3779b1);
    value = Math.imul(value ^ (value >>> 15), 0x85ebca6b);
    value = (value ^ (value >>> 13)) >>> 0;
    return value % 100 < percent ? (KINDS[(value >>> 8) % KINDS.length] as Mischief) : "none";
  };
}
