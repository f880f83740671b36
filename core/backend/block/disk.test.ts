// SPDX-License-Identifier: Apache-2.0
// RAM disks and slices: contents, what is clean when, who may use a disk beside whom; all memory comes back clean.
import { disks } from "@typeone/sim";
import { beforeEach, describe, expect, it } from "vitest";

const {
  BLOCK,
  BLOCKS,
  HOST,
  MODULE,
  SECTOR,
  READ,
  WRITE,
  ZEROES,
  OK,
  BUSY,
  begin,
  call,
  offset,
  submit,
  now,
  work,
  expectClean,
  pattern,
} = disks;

beforeEach(begin);

describe("RAM disks", () => {
  it("are a module in place, and less than a sector at its end is left out", () => {
    disks.host.set(pattern(1, 10 * SECTOR), MODULE - HOST);
    const disk = call("diskFromModule", BigInt(MODULE), BigInt(9 * SECTOR + 511));
    expect(disks.unit.view().getBigUint64(disk + offset("SECTORS"), true)).toBe(9n);
    expect(now(disk, READ, 2, 3).bytes).toEqual(Buffer.from(pattern(1, 10 * SECTOR).subarray(1024, 5 * SECTOR)));
    now(disk, WRITE, 8, pattern(5, SECTOR));
    expect(Buffer.from(disks.host.subarray(MODULE - HOST + 8 * SECTOR, MODULE - HOST + 9 * SECTOR))).toEqual(
      Buffer.from(pattern(5, SECTOR)),
    );
    call("diskRelease", disk);
    expectClean();
    for (const [hpa, size] of [
      [MODULE, 511],
      [MODULE, 0],
    ] as const)
      expect(call("diskFromModule", BigInt(hpa), BigInt(size))).toBe(0);
    expect(call("diskFromModule", (1n << 64n) - 1024n, 4096n)).toBe(0);
  });

  it("begin as zeros where memory was not clean, are Busy until they are, and go back clean", () => {
    disks.host.fill(0x5a, BLOCK);
    const disk = call("diskEmpty", BigInt(3 * BLOCK + SECTOR));
    expect(submit(disk, READ, [0, 1], [{ hpa: HOST, length: SECTOR }]).status).toBe(BUSY);
    expect(call("diskWork", 0)).toBe(1);
    expect(call("testRooms")).toBe(1);
    expect(now(disk, READ, 0, 1).bytes.every((byte) => byte === 0)).toBe(true);
    const end = (3 * BLOCK) / SECTOR;
    expect(submit(disk, WRITE, [end, 1], [{ hpa: HOST, length: SECTOR }]).status).toBe(BUSY);
    work();
    expect(call("testRooms")).toBe(1);
    expect(now(disk, READ, end, 1).bytes.every((byte) => byte === 0)).toBe(true);
    now(disk, WRITE, end - 1, pattern(3, 2 * SECTOR));
    expect(now(disk, READ, end - 1, 2).bytes).toEqual(Buffer.from(pattern(3, 2 * SECTOR)));
    now(disk, ZEROES, end, 1);
    expect(now(disk, READ, end, 1).bytes.every((byte) => byte === 0)).toBe(true);
    call("diskRelease", disk);
    disks.host.fill(0, BLOCK, (BLOCKS + 1 - 4) * BLOCK);
    expectClean();
  });

  it("that are released before they are clean give everything back too", () => {
    const disk = call("diskEmpty", BigInt(4 * BLOCK));
    call("diskWork", 0);
    call("diskRelease", disk);
    expectClean();
  });

  it("are refused, and nothing stays taken, when the host has too little memory", () => {
    expect(call("diskEmpty", BigInt((BLOCKS + 1) * BLOCK))).toBe(0);
    expect(call("diskEmpty", (1n << 64n) - 1n)).toBe(0);
    expect(call("diskEmpty", 511n)).toBe(0);
    expectClean();
  });

  it("of a blob hold it; who writes has it alone, and nobody else takes it for what it was", () => {
    const bytes = pattern(9, 4096);
    const ptr = disks.unit.scratch(8192);
    disks.unit.bytes().set(bytes, ptr);
    const id = call("testBlob", ptr, bytes.length, call("crc32", ptr, bytes.length), ptr + 4096);
    const [one, two] = [call("diskFromBlob", id), call("diskFromBlob", id)];
    expect(call("diskUse", one)).toBe(BUSY);
    for (const disk of [one, two]) {
      disks.unit.view().setUint32(disk + offset("READ_ONLY"), 1, true);
      expect(call("diskUse", disk)).toBe(OK);
    }
    expect(call("diskFromBlob", id + 1)).toBe(0);
    call("diskRelease", one);
    call("diskRelease", two);
    work();
    const writer = call("diskFromBlob", id);
    expect(call("diskUse", writer)).toBe(OK);
    expect(call("blobHold", id)).not.toBe(OK);
    expect(call("diskFromBlob", id)).toBe(0);
    call("blobDropAll");
    while (call("blobsClear", 0) !== 0);
    expect(now(writer, READ, 0, 8).bytes).toEqual(Buffer.from(bytes));
    call("diskRelease", writer);
    expectClean();
  });
});

describe("memory in pieces", () => {
  it("is in nobody else's use, whatever lies between the pieces", () => {
    const [above, upper, between, lower] = [1, 1, 1, 5].map((blocks) => call("diskEmpty", BigInt(blocks * BLOCK)));
    for (const disk of [upper!, lower!]) expect(call("diskUse", disk)).toBe(OK);
    for (const disk of [above!, between!]) call("diskRelease", disk);
    work();
    // Two blocks at the bottom, one at the top, and one below that.
    const disk = call("diskEmpty", BigInt(4 * BLOCK));
    expect(disk).not.toBe(0);
    expect(call("diskUse", disk)).toBe(OK);
    for (const each of [disk, upper!, lower!]) call("diskRelease", each);
    work();
    expectClean();
  });
});

describe("slices", () => {
  it("are a part of the disk, and are refused where they leave it", () => {
    disks.host.set(pattern(1, 64 * SECTOR), MODULE - HOST);
    const base = () => call("diskFromModule", BigInt(MODULE), BigInt(64 * SECTOR));
    const outer = call("diskSlice", base(), 8n, 32n);
    const disk = call("diskSlice", outer, 4n, 0n);
    expect(disks.unit.view().getBigUint64(disk + offset("SECTORS"), true)).toBe(28n);
    expect(now(disk, READ, 1, 2).bytes).toEqual(
      Buffer.from(pattern(1, 64 * SECTOR).subarray(13 * SECTOR, 15 * SECTOR)),
    );
    call("diskRelease", disk);
    for (const [first, sectors] of [
      [64n, 0n],
      [0n, 65n],
      [63n, 2n],
      [1n, (1n << 64n) - 1n],
      [(1n << 64n) - 1n, 1n],
      [(1n << 64n) - 1n, 0n],
    ] as const)
      expect(call("diskSlice", base(), first, sectors)).toBe(0);
    expect(call("diskSlice", 0, 0n, 0n)).toBe(0);
    expectClean();
  });

  it("may be used together unless they meet and one writes", () => {
    const slice = (first: number, sectors: number, readOnly = 0) => {
      const disk = call("diskFromModule", BigInt(MODULE), BigInt(64 * SECTOR));
      disks.unit.view().setUint32(disk + offset("READ_ONLY"), readOnly, true);
      return call("diskSlice", disk, BigInt(first), BigInt(sectors));
    };
    expect(call("diskUse", slice(0, 10))).toBe(OK);
    expect(call("diskUse", slice(10, 10))).toBe(OK);
    expect(call("diskUse", slice(9, 2))).toBe(BUSY);
    expect(call("diskUse", slice(0, 64, 1))).toBe(BUSY);
    expect(call("diskUse", slice(20, 44, 1))).toBe(OK);
    expect(call("diskUse", slice(63, 1, 1))).toBe(OK);
    expect(call("diskUse", slice(63, 1))).toBe(BUSY);
  });
});
