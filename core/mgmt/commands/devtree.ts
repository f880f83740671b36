// SPDX-License-Identifier: Apache-2.0
// devtree node show PATH: a node of the host's tree as source text: its properties, then the names of its children, one
// a step. Long values are cut. The tree passed fdtCheck at boot. Called by the terminal's worker.
import {
  fdtCell,
  fdtChild,
  fdtFindBytes,
  fdtFirstProperty,
  fdtLength,
  fdtName,
  fdtNextProperty,
  fdtPropertyName,
  fdtSibling,
} from "../../fdt/read";
import { hostTree } from "../../host/host-tree";
import { lineEscaped, lineHex } from "../../lib/line";
import { print, printByte, printDec, printHex, printLine, printText } from "../../lib/print";
import { argText } from "./args";
import { jsonText } from "./json";
import { printWord, wantsJson, wordLength, wordStart } from "./words";

/** Bytes of a value that are shown. */
const MOST: u32 = 64;

// @lock none: the terminal's worker only.
let property: usize = 0;
let child: usize = 0;

export function devtreeShow(step: u32): u32 {
  if (step == 0) return begin();
  if (property != 0) {
    showProperty();
    property = fdtNextProperty(property);
  } else if (child != 0) {
    showName("child", fdtName(child), wantsJson() ? "}\n" : " { }\n");
    child = fdtSibling(child);
  } else return 0;
  return 1;
}

function begin(): u32 {
  const tree = hostTree();
  const node = fdtFindBytes(tree, wordStart(argText()), wordLength(argText()));
  if (node != 0) {
    property = fdtFirstProperty(node);
    child = fdtChild(node);
    return 1;
  }
  print("the host's tree has no node ");
  printWord(argText());
  print("; devtree node show / begins at its root\n");
  return 0;
}

/** A name, and what follows it. */
function showName(key: string, text: usize, after: string): void {
  if (wantsJson()) {
    print("{");
    jsonText(key, text, 0xff);
  } else printText(text);
  print(after);
}

function showProperty(): void {
  const length = fdtLength(property);
  const shown = min<u32>(length, MOST);
  const json = wantsJson();
  showName("property", fdtPropertyName(hostTree(), property), json ? ',"value":"' : length == 0 ? ";\n" : " = ");
  if (json) {
    for (let i: u32 = 0; i < shown; i++) lineHex(printLine(), load<u8>(property + i), 2);
    print('"');
  } else if (length == 0) return;
  else if (isText(length)) showText(shown);
  else showCells(length, shown);
  if (shown < length) {
    print(json ? ',"cut":' : " /* of ");
    printDec(length);
    if (!json) print(" bytes */");
  }
  print(json ? "}\n" : ";\n");
}

/** Is the value one or more printable strings? */
function isText(length: u32): bool {
  let letters: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(property + i);
    if (byte == 0 && letters == 0) return false;
    if (byte != 0 && (byte < 0x20 || byte >= 0x7f)) return false;
    letters = byte == 0 ? 0 : letters + 1;
  }
  return letters == 0;
}

function showText(shown: u32): void {
  printByte(0x22);
  for (let i: u32 = 0; i < shown; i++) {
    if (load<u8>(property + i) != 0) lineEscaped(printLine(), property + i, 1);
    else if (i + 1 < shown) print('", "');
  }
  printByte(0x22);
}

function showCells(length: u32, shown: u32): void {
  const cells = (length & 3) == 0;
  print(cells ? "<" : "[");
  const count = cells ? shown >> 2 : shown;
  for (let i: u32 = 0; i < count; i++) {
    if (i != 0) print(" ");
    if (cells) printHex(fdtCell(property, i));
    else lineHex(printLine(), load<u8>(property + i), 2);
  }
  print(cells ? ">" : "]");
}
