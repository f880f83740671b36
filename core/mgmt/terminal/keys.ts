// SPDX-License-Identifier: Apache-2.0
// What a person pressed: the bytes of a terminal become keys, one number each. Control characters are their own
// numbers; arrows, Home, End and Delete become the control character that does the same; a letter with Meta (Esc, Alt) or
// an arrow with Ctrl becomes META + letter. Used by the terminal's worker only. Never draws.
export const META: u32 = 0x80;
export const CTRL_A: u32 = 1;
export const CTRL_B: u32 = 2;
export const CTRL_D: u32 = 4;
export const CTRL_E: u32 = 5;
export const CTRL_F: u32 = 6;
export const CTRL_N: u32 = 14;
export const CTRL_P: u32 = 16;
const ESCAPE: u32 = 27;

// @lock none: the terminal's worker only.
/** 0: nothing begun; 1: ESC; 2: ESC [ and parameters; 3: ESC O. */
let state: u32 = 0;
/** First and last parameter of a sequence, and whether there was more than one. */
let first: u32 = 0;
let last: u32 = 0;
let several: u32 = 0;

/** The key that this byte completes, 0 if none. */
export function keyOf(byte: u32): u32 {
  if (byte == ESCAPE) {
    state = 1;
    return 0;
  }
  const before = state;
  // A control character ends a sequence that was cut off, and counts.
  if (before == 0 || byte < 0x20) {
    state = 0;
    return byte < META ? byte : 0;
  }
  if (before == 2) return parameter(byte);
  if (before == 3) return arrow(byte);
  state = byte == 0x5b ? 2 : byte == 0x4f ? 3 : 0;
  first = 0;
  last = 0;
  several = 0;
  return state == 0 && byte < META ? META | byte : 0;
}

/** A byte of ESC [ numbers final. */
function parameter(byte: u32): u32 {
  if (byte >= 0x30 && byte <= 0x39) {
    last = (last * 10 + byte - 0x30) & 0xff;
    if (several == 0) first = last;
  } else if (byte >= 0x40) {
    return byte == 0x7e ? numbered() : arrow(byte);
  } else {
    several = 1;
    last = 0;
  }
  return 0;
}

/** ESC [ number ~ */
function numbered(): u32 {
  state = 0;
  if (first == 1 || first == 7) return CTRL_A;
  if (first == 4 || first == 8) return CTRL_E;
  return first == 3 ? CTRL_D : 0;
}

/** ESC [ letter, ESC O letter; with a second parameter an arrow is a Ctrl or Alt arrow. */
function arrow(byte: u32): u32 {
  state = 0;
  switch (byte) {
    case 0x41:
      return CTRL_P;
    case 0x42:
      return CTRL_N;
    case 0x43:
      return several ? META | 0x66 : CTRL_F;
    case 0x44:
      return several ? META | 0x62 : CTRL_B;
    case 0x46:
      return CTRL_E;
    case 0x48:
      return CTRL_A;
    default:
      return 0;
  }
}
