// SPDX-License-Identifier: Apache-2.0
// Which ISA extensions the host has: the names in its tree, from either form of the property. Boot and worker context;
// never writes anything after boot.
import { fdtLength, fdtProperty, fdtStringLength } from "../../fdt/read";

const UNDERSCORE: u32 = 0x5f;

// @lock per boot: the property, and whether it is a string list (names separated by NUL) or one string (by "_").
let names: usize = 0;
let end: usize = 0;
let separator: u32 = 0;

/** Boot: remembers the cpu node's ISA property, which stays in linear memory. */
export function setHostIsa(fdt: usize, cpu: usize): void {
  names = fdtProperty(fdt, cpu, "riscv,isa-extensions");
  separator = names ? 0 : UNDERSCORE;
  if (names) {
    end = names + fdtLength(names);
  } else {
    names = fdtProperty(fdt, cpu, "riscv,isa");
    end = names ? names + fdtStringLength(names) : 0;
  }
}

/** Linear address of the first name; 0 if the host's tree names none. */
export function firstIsaName(): usize {
  return names;
}

/** The name behind the one at `at`; 0 behind the last. */
export function nextIsaName(at: usize): usize {
  const next = at + isaNameLength(at) + 1;
  return next < end ? next : 0;
}

/** Length of the name at `at`. */
export function isaNameLength(at: usize): u32 {
  let length: u32 = 0;
  while (at + length < end && load<u8>(at + length) != separator) length += 1;
  return length;
}

/** Whether the host's cpus have the extension, by its lower-case name. */
export function hostHas(name: string): bool {
  if (name.length == 1) return hostHasLetter(<u32>name.charCodeAt(0));
  for (let at = names; at; at = nextIsaName(at)) {
    if (isaNameLength(at) == <u32>name.length && isText(at, isaNameLength(at), name, 0)) return true;
  }
  return false;
}

/** The same for an extension of one letter. */
export function hostHasLetter(letter: u32): bool {
  if (separator) return letterInString(letter);
  for (let at = names; at; at = nextIsaName(at)) if (isaNameLength(at) == 1 && load<u8>(at) == letter) return true;
  return false;
}

/** "rv64imafdch_zicbom…": the letters behind "rv64". */
function letterInString(letter: u32): bool {
  for (let at = names + 4; at < names + isaNameLength(names); at++) if (load<u8>(at) == letter) return true;
  return false;
}

/** Whether the bytes are the `length` characters of `text` from `from` on. */
export function isText(at: usize, length: u32, text: string, from: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (load<u8>(at + i) != <u32>text.charCodeAt(from + i)) return false;
  return true;
}
