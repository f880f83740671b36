// SPDX-License-Identifier: Apache-2.0
// A command's arguments: what was typed is held against the command's pattern, and guests, vCPUs and numbers are looked
// up and checked before the command runs; a refusal is one line. Used by the terminal's worker. The first letter of a
// word in capitals says what it stands for:
//
//   GUEST a guest by name or number   VCPU one of its vCPUs   A…, L…, I… numbers   any other: text
//
import { Guest, GUEST_EMPTY } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { guestByIndex, guestByName, guestCount } from "../../guest/table";
import { Vcpu } from "../../guest/vcpu";
import { print, printByte, printDec, printText } from "../../lib/print";
import { findPart, partIsFlag, partIsWord, partLength, partLetter, partOptional, partUnits } from "./pattern";
import { lastNumber, printWord, readNumber, wantsJson, wordCount, wordIsUnits, wordLength, wordStart } from "./words";

/** GUEST */
export const PART_GUEST: u32 = 0x47;
/** VCPU */
const PART_VCPU: u32 = 0x56;
/** ADDRESS and AMOUNT, LENGTH and LEVEL. */
const PART_ADDRESS: u32 = 0x41;
const PART_LENGTH: u32 = 0x4c;
/** INDEX */
const PART_INDEX: u32 = 0x49;

// @lock none: the terminal's worker only.
let guest: usize = 0;
let vcpu: usize = 0;
let first: u64 = 0;
let second: u64 = 0;
let text: u32 = 0;

/** The guest that the line names; null if it names none. */
export function argGuest(): Guest {
  return changetype<Guest>(guest);
}

export function argVcpu(): Vcpu {
  return changetype<Vcpu>(vcpu);
}

/** The line's last number, and the one before it. */
export function argNumber(): u64 {
  return second;
}

export function argAddress(): u64 {
  return first;
}

/** Index of the word that is its last piece of text, 0 if it has none. */
export function argText(): u32 {
  return text;
}

/** Holds the typed words from `from` on against the pattern; says what is wrong and answers false if they do not fit. */
export function bindArguments(pattern: string, from: u32): bool {
  let typed = from;
  let flag = false;
  guest = 0;
  text = 0;
  for (let part = from; findPart(pattern, part); part++) {
    if (partIsFlag()) flag = true;
    else if (typed >= wordCount()) {
      if (!partOptional()) return usage(pattern);
    } else if (partIsWord()) {
      if (!wordIsUnits(typed, partUnits(), partLength())) return usage(pattern);
      text = typed++;
    } else if (!bindWord(pattern, typed++)) return false;
  }
  return typed == wordCount() && (flag || !wantsJson()) ? true : usage(pattern);
}

/** `usage: ` and the pattern; the end of a line that may have begun with what is wrong. */
function usage(pattern: string): bool {
  print("usage: ");
  print(pattern);
  print("\n");
  return false;
}

function bindWord(pattern: string, index: u32): bool {
  switch (partLetter()) {
    case PART_GUEST:
      return bindGuest(index);
    case PART_VCPU:
      return bindVcpu(index);
    case PART_ADDRESS:
    case PART_LENGTH:
    case PART_INDEX:
      return bindNumber(pattern, index);
    default:
      text = index;
      return true;
  }
}

function bindNumber(pattern: string, index: u32): bool {
  first = second;
  const read = readNumber(wordStart(index), wordLength(index));
  second = lastNumber();
  if (read) return true;
  printWord(index);
  print(" is no number of 64 bits; ");
  return usage(pattern);
}

function bindGuest(index: u32): bool {
  let found = guestByName(wordStart(index), wordLength(index));
  const number = readNumber(wordStart(index), wordLength(index)) ? lastNumber() : 0;
  if (changetype<usize>(found) == 0 && number != 0 && number <= guestCount()) {
    found = guestByIndex(<u32>number - 1);
    if (found.state == GUEST_EMPTY) found = changetype<Guest>(0);
  }
  guest = changetype<usize>(found);
  if (guest != 0) return true;
  print("there is no guest ");
  printWord(index);
  print("; guest list shows them\n");
  return false;
}

function bindVcpu(index: u32): bool {
  const owner = argGuest();
  if (readNumber(wordStart(index), wordLength(index)) && lastNumber() < owner.vcpuCount) {
    vcpu = changetype<usize>(vcpuAt(owner, <u32>lastNumber()));
    return true;
  }
  printText(owner.name);
  print(" has no vcpu ");
  printWord(index);
  print("; vcpu list shows them\n");
  return false;
}

/** Appends the vCPU's name: guest/index. */
export function printVcpu(): void {
  printText(argGuest().name);
  printByte(0x2f);
  printDec(argVcpu().index);
}
