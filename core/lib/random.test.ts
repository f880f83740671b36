// SPDX-License-Identifier: Apache-2.0
// The generator: ChaCha20 as RFC 8439 has it, and bytes that depend on every seed and stir and never come twice.
import { createCipheriv, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const hw = {
  hart: () => 1,
  atomicCompareSwap: () => 0,
  atomicSwap: () => 0,
  atomicLoad: () => 0,
};
const fresh = async (): Promise<{ unit: UnitModule; at: number }> => {
  const unit = await loadUnit("core/lib/random.ts", { hw });
  return { unit, at: unit.scratch(4096) };
};
const fill = ({ unit, at }: { unit: UnitModule; at: number }, length: number) => {
  unit.exports["randomFill"]!(at, length);
  return Buffer.from(unit.bytes().slice(at, at + length));
};

describe("ChaCha20", () => {
  it("is what the rest of the world takes it for", async () => {
    const unit = await loadUnit("core/lib/chacha.ts");
    const [state, out] = [unit.scratch(64), unit.scratch(64)];
    for (let i = 0; i < 50; i++) {
      const key = randomBytes(32);
      // The counter's word and the nonce, as OpenSSL takes them.
      const counter = randomBytes(16);
      unit.bytes().set(Buffer.concat([Buffer.from("expand 32-byte k"), key, counter]), state);
      unit.exports["chachaBlock"]!(state, out);
      const expected = createCipheriv("chacha20", key, counter).update(Buffer.alloc(64));
      expect(Buffer.from(unit.bytes().slice(out, out + 64))).toEqual(expected);
    }
  });
});

describe("random bytes", () => {
  it("of any number, and nothing behind them is written", async () => {
    const all = await fresh();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), (length) => {
        all.unit.bytes().fill(0xa5, all.at, all.at + 512);
        fill(all, length);
        expect([...all.unit.bytes().subarray(all.at + length, all.at + 512)]).toEqual(Array(512 - length).fill(0xa5));
      }),
    );
  });

  it("never come twice, and depend on all of the seed and of what was stirred in", async () => {
    const seen = new Set<string>();
    const note = (bytes: Buffer) => {
      expect(seen.has(bytes.toString("hex"))).toBe(false);
      seen.add(bytes.toString("hex"));
    };
    const one = await fresh();
    for (let i = 0; i < 100; i++) note(fill(one, 32));
    for (const [seed, stir] of [
      [Buffer.alloc(64, 1), 0n],
      [Buffer.concat([Buffer.alloc(63, 1), Buffer.of(2)]), 0n],
      [Buffer.concat([Buffer.of(2), Buffer.alloc(63, 1)]), 0n],
      [Buffer.alloc(33, 1), 0n],
      [Buffer.alloc(64, 1), 1n],
      [Buffer.alloc(64, 1), 1n << 63n],
    ] as const) {
      const all = await fresh();
      all.unit.bytes().set(seed, all.at);
      all.unit.exports["randomInit"]!(all.at, seed.length);
      all.unit.exports["randomStir"]!(stir);
      note(fill(all, 32));
    }
  });

  it("are not to be found in the generator once they were given", async () => {
    const all = await fresh();
    const given = fill(all, 128);
    all.unit.bytes().fill(0, all.at, all.at + 128);
    const memory = Buffer.from(all.unit.bytes());
    for (let i = 0; i < 128; i += 16) expect(memory.includes(given.subarray(i, i + 16))).toBe(false);
  });
});
