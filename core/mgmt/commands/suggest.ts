// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the command word that a mistyped one is nearest to. Used by the terminal's worker.
import { print, printByte } from "../../lib/print";
import { commandCount, commandMatch, commandPattern } from "./run";
import { commonUnits, wordLength, wordStart } from "./words";
import { findPart, nameLength, partLength, partUnits } from "./pattern";

/** If some command has a word like typed word `index` there, and the same words before, names it. */
export function printSuggestion(index: u32): void {
  for (let i: u32 = 0; i < commandCount(); i++) {
    const pattern = commandPattern(i);
    if (commandMatch(i, index) != index || nameLength(pattern) <= index) continue;
    findPart(pattern, index);
    if (!isLike(wordStart(index), wordLength(index), partUnits(), partLength())) continue;
    print("; did you mean ");
    for (let j: u32 = 0; j < partLength(); j++) printByte(load<u16>(partUnits() + ((<usize>j) << 1)));
    print("?");
    return;
  }
}

/** One letter wrong, missing or too many, two of longer words, or two that changed places. */
function isLike(word: usize, length: u32, units: usize, size: u32): bool {
  const same = commonUnits(word, units, min<u32>(length, size));
  let left = length - same;
  let right = size - same;
  while (left != 0 && right != 0 && sameUnit(word + same + left - 1, units + ((<usize>(same + right - 1)) << 1))) {
    left -= 1;
    right -= 1;
  }
  const wrong = max<u32>(left, right);
  if (wrong <= 1) return true;
  if (wrong > 2) return false;
  if (length > 4) return true;
  const first = units + ((<usize>same) << 1);
  return left == right && sameUnit(word + same, first + 2) && sameUnit(word + same + 1, first);
}

function sameUnit(byte: usize, unit: usize): bool {
  return load<u8>(byte) == load<u16>(unit);
}
