// SPDX-License-Identifier: Apache-2.0
// Tree to device tree source, in dtc's layout and with its guesses: text if a value looks like text, else cells, else
// bytes. dtc compiles the output back to the identical tree.
import { FdtError } from "./error.ts";
import type { FdtNode } from "./node.ts";
import type { FdtTree } from "./tree.ts";
import { decodeCells } from "./value.ts";

/** What dts can spell as a name; the blob format allows a little more. */
const NODE_NAME = /^[a-zA-Z0-9,._+*#?@-]+$/;
const PROPERTY_NAME = /^[a-zA-Z0-9,._+*#?@-]+$/;

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\\": "\\\\",
  '"': '\\"',
};

/** The tree as device tree source. */
export function printDts(tree: FdtTree): string {
  const hex64 = (value: bigint) => `0x${value.toString(16).padStart(16, "0")}`;
  const reserved = tree.reservations.map(({ address, size }) => `/memreserve/\t${hex64(address)} ${hex64(size)};\n`);
  const lines: string[] = [];
  printNode(lines, tree.root, 0);
  return `/dts-v1/;\n\n${reserved.join("")}${lines.join("\n")}\n`;
}

function printNode(lines: string[], node: FdtNode, depth: number): void {
  const indent = "\t".repeat(depth);
  if (depth > 0 && !NODE_NAME.test(node.name)) throw new FdtError("dts cannot spell this name", node.path);
  lines.push(`${indent}${depth === 0 ? "/" : node.name} {`);
  for (const [name, value] of node.properties) {
    if (!PROPERTY_NAME.test(name)) throw new FdtError("dts cannot spell this name", node.path, name);
    lines.push(`${indent}\t${name}${value.length === 0 ? "" : ` = ${printValue(value)}`};`);
  }
  node.children.forEach((child, i) => {
    if (i > 0 || node.properties.size > 0) lines.push("");
    printNode(lines, child, depth + 1);
  });
  lines.push(`${indent}};`);
}

function printValue(value: Uint8Array): string {
  if (looksLikeText(value)) return printStrings(value);
  const hex = (number: number) => number.toString(16).padStart(2, "0");
  const list = decodeCells(value);
  return list === undefined
    ? `[${[...value].map(hex).join(" ")}]`
    : `<${list.map((cell) => `0x${hex(cell)}`).join(" ")}>`;
}

/** dtc's guess: ends with a NUL, only printable bytes and usual escapes, and not more NULs than other bytes. */
function looksLikeText(value: Uint8Array): boolean {
  if (value[value.length - 1] !== 0) return false;
  const nuls = value.filter((byte) => byte === 0).length;
  const text = value.every((byte) => byte === 0 || (byte >= 7 && byte <= 13) || (byte >= 0x20 && byte < 0x7f));
  return text && nuls <= value.length - nuls;
}

function printStrings(value: Uint8Array): string {
  const texts = new TextDecoder("latin1").decode(value.subarray(0, -1)).split("\0");
  return texts.map((text) => `"${[...text].map((char) => ESCAPES[char] ?? char).join("")}"`).join(", ");
}
