// SPDX-License-Identifier: Apache-2.0
// Packs a module's static data. wasm2c copies each segment by a call of its own, and text lies there as UTF-16, two
// bytes a letter: as much code and zeros as data. Here all of it becomes one byte stream that load_data (runtime/wasm.h)
// unpacks over memory that is zero:
//
//   run:  gap (zeros to skip)  count * 2 + wide  count bytes      numbers are LEB128; wide: every byte is followed by a zero
//

/** This many zeros end a run. */
const GAP = 4;
/** A wide run of fewer letters costs more than it saves. */
const LEAST_WIDE = 5;

export interface Segment {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The stream for segments that begin at `start` or later. */
export function packData(segments: readonly Segment[], start: number): Uint8Array {
  const end = Math.max(start, ...segments.map(({ at, bytes }) => at + bytes.length));
  const image = new Uint8Array(end - start + 2 * GAP);
  for (const { at, bytes } of segments) image.set(bytes, at - start);
  const out: number[] = [];
  let done = 0;
  for (let at = nextByte(image, 0); at < end - start; at = nextByte(image, done)) {
    const letters = wideRun(image, at);
    const wide = letters >= LEAST_WIDE ? 1 : 0;
    const count = wide ? letters : denseRun(image, at);
    number(out, at - done);
    number(out, count * 2 + wide);
    for (let i = 0; i < count; i++) out.push(image[at + (i << wide)] ?? 0);
    done = at + (count << wide);
  }
  return Uint8Array.from(out);
}

function nextByte(image: Uint8Array, from: number): number {
  let at = from;
  while (at < image.length && image[at] === 0) at++;
  return at;
}

function zeros(image: Uint8Array, at: number, count: number): boolean {
  for (let i = at; i < at + count && i < image.length; i++) if (image[i] !== 0) return false;
  return true;
}

/** How many letters of two bytes, the second zero, begin here. */
function wideRun(image: Uint8Array, at: number): number {
  let count = 0;
  while (at + 2 * count + 1 < image.length && image[at + 2 * count + 1] === 0) {
    if (zeros(image, at + 2 * count, 2 * GAP)) break;
    count++;
  }
  return count;
}

function denseRun(image: Uint8Array, at: number): number {
  let count = 1;
  while (at + count < image.length && !zeros(image, at + count, GAP) && wideRun(image, at + count) < LEAST_WIDE)
    count++;
  return count;
}

function number(out: number[], value: number): void {
  let left = value;
  for (; left >= 0x80; left >>>= 7) out.push((left & 0x7f) | 0x80);
  out.push(left);
}

const LOAD = /^\s*LOAD_DATA\(0, (\d+)u, (data_segment_data_\w+), \d+\);\n/gm;

/** Replaces the segments of wasm2c's C, and the calls that load them, by one stream and one call. */
export function packSegments(text: string): string {
  const loads = [...text.matchAll(LOAD)].map(([, at, id]) => ({ at: Number(at), id: id as string }));
  if (loads.length === 0) return text;
  const bytes = new Map<string, Uint8Array>();
  const bare = text.replace(
    /^static const u8 (data_segment_data_\w+)\[\] = \{\n([^}]*)\};\n/gm,
    (_all, id: string, list: string) => {
      bytes.set(id, Uint8Array.from(list.match(/0x[0-9a-f]+/g) ?? [], Number));
      return "";
    },
  );
  const segments = loads.map(({ at, id }) => {
    const data = bytes.get(id);
    if (!data) throw new Error(`wasm2c's output has no bytes for ${id}`);
    return { at, bytes: data };
  });
  const start = Math.min(...segments.map(({ at }) => at));
  const packed = packData(segments, start);
  let called = false;
  return bare
    .replace(LOAD, () => {
      if (called) return "";
      called = true;
      return `  load_data(${start}u, packed_data, sizeof packed_data);\n`;
    })
    .replace(
      /^static void init_memories\(/m,
      (match) => `static const u8 packed_data[] = {${packed.join(",")}};\n${match}`,
    );
}
