// SPDX-License-Identifier: Apache-2.0
// Writes an ELF of nothing but loadable pieces at physical addresses. Pure.

export interface Piece {
  readonly hpa: number;
  readonly data: Uint8Array;
  /** In memory, zeros behind the data. */
  readonly bytes?: number;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;
const PAGE = 4096;
const RISCV = 243;
const LOAD = 1;
const READ_WRITE_EXECUTE = 7;

const alignUp = (value: number): number => Math.ceil(value / PAGE) * PAGE;

/** The file as a list of buffers, in order. */
export function elfOf(entry: number, pieces: readonly Piece[]): Uint8Array[] {
  const head = Buffer.alloc(alignUp(HEADER + pieces.length * PROGRAM_HEADER));
  head.write("\x7fELF\x02\x01\x01", 0, "latin1");
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(RISCV, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(entry), 24);
  head.writeBigUInt64LE(BigInt(HEADER), 32);
  head.writeUInt16LE(HEADER, 52);
  head.writeUInt16LE(PROGRAM_HEADER, 54);
  head.writeUInt16LE(pieces.length, 56);
  head.writeUInt16LE(64, 58);
  const out: Uint8Array[] = [head];
  let offset = head.length;
  pieces.forEach(({ hpa, data, bytes = data.length }, i) => {
    const at = HEADER + i * PROGRAM_HEADER;
    head.writeUInt32LE(LOAD, at);
    head.writeUInt32LE(READ_WRITE_EXECUTE, at + 4);
    [offset, hpa, hpa, data.length, bytes, PAGE].forEach((word, n) =>
      head.writeBigUInt64LE(BigInt(word), at + 8 + n * 8),
    );
    out.push(data, Buffer.alloc(alignUp(data.length) - data.length));
    offset += alignUp(data.length);
  });
  return out;
}
