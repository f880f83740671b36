// SPDX-License-Identifier: Apache-2.0
// A hardware file that goes from one guest to another: the next owner finds nothing of the former's, whatever that wrote.
import { beforeAll, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const [HSTATUS, VSISELECT, VSIREG] = [0x600, 0x250, 0x251];
const [DELIVERY, EIP, EIE] = [0x70, 0x80, 0xc0];
const WORDS = 4;
const HOST_WORDS = 32;
const FILE = { delivery: 64, words: 92 };
const OTHER = 0x2n;

let unit: UnitModule;
let file: number;
let hstatus = OTHER;
let select = 5n;
/** By file, then by register. */
const files = new Map<bigint, Map<bigint, bigint>>();
const chosen = () => {
  const number = (hstatus >> 12n) & 63n;
  if (!files.has(number)) files.set(number, new Map());
  return files.get(number)!;
};
const csrRead = (csr: number) => {
  if (csr === VSIREG) return chosen().get(select) ?? 0n;
  return csr === VSISELECT ? select : csr === HSTATUS ? hstatus : 0n;
};
const csrWrite = (csr: number, value: bigint) => {
  if (csr === VSIREG) chosen().set(select, value);
  else if (csr === VSISELECT) select = value;
  else if (csr === HSTATUS) hstatus = value;
};
const csrSwap = (csr: number, value: bigint) => {
  const before = csrRead(csr);
  csrWrite(csr, value);
  return before;
};

beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/irq/file-registers.ts", { hw: { csrRead, csrWrite, csrSwap } });
  file = unit.scratch(128);
});

it("has only what the new owner's state says, in all the identities of the hardware", () => {
  const former = new Map<bigint, bigint>([[BigInt(DELIVERY), 1n]]);
  for (let word = 0; word < HOST_WORDS; word++) {
    former.set(BigInt(EIP + 2 * word), ~0n);
    former.set(BigInt(EIE + 2 * word), ~0n);
  }
  files.set(3n, former);
  const view = unit.view();
  for (let word = 0; word < WORDS; word++) {
    view.setBigUint64(file + 8 * word, BigInt(word + 1), true);
    view.setBigUint64(file + 8 * (WORDS + word), BigInt(word + 11), true);
  }
  view.setUint32(file + FILE.delivery, 1, true);
  view.setUint32(file + FILE.words, WORDS, true);
  unit.exports["fillFile"]!(file, 3, HOST_WORDS);
  for (let word = 0; word < HOST_WORDS; word++) {
    const known = word < WORDS;
    expect([word, former.get(BigInt(EIP + 2 * word))]).toEqual([word, known ? BigInt(word + 1) : 0n]);
    expect([word, former.get(BigInt(EIE + 2 * word))]).toEqual([word, known ? BigInt(word + 11) : 0n]);
  }
  expect([former.get(BigInt(DELIVERY)), hstatus, select]).toEqual([1n, OTHER, 5n]);
});
