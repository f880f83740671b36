// SPDX-License-Identifier: Apache-2.0
// Whole properties in one call, and copies from a checked tree, on top of build.ts and property.ts.
// Called at guest creation. Failures stick in the writer, as there.
import { be32, FDT_BEGIN_NODE, FDT_END_NODE } from "./format";
import {
  fdtFirstProperty,
  fdtLength,
  fdtName,
  fdtNameLength,
  fdtNextProperty,
  fdtNodeEnd,
  fdtPropertyName,
  fdtSkipToken,
} from "./walk";
import { fdtBeginNodeBytes, fdtEndNode } from "./build";
import { FdtWriter } from "./emit";
import {
  fdtBeginProperty,
  fdtBeginPropertyBytes,
  fdtBytes,
  fdtCellU32,
  fdtCellU64,
  fdtEndProperty,
  fdtText,
} from "./property";

/** A property without data, such as `ranges;`. */
export function fdtPutEmpty(writer: FdtWriter, name: string): void {
  fdtBeginProperty(writer, name);
  fdtEndProperty(writer);
}

export function fdtPutU32(writer: FdtWriter, name: string, value: u32): void {
  fdtBeginProperty(writer, name);
  fdtCellU32(writer, value);
  fdtEndProperty(writer);
}

export function fdtPutU64(writer: FdtWriter, name: string, value: u64): void {
  fdtBeginProperty(writer, name);
  fdtCellU64(writer, value);
  fdtEndProperty(writer);
}

/** One string, or several separated by `\0`: "ns16550a", "sifive,plic-1.0.0\0riscv,plic0". */
export function fdtPutString(writer: FdtWriter, name: string, text: string): void {
  fdtBeginProperty(writer, name);
  fdtText(writer, text);
  fdtEndProperty(writer);
}

export function fdtPutBytes(writer: FdtWriter, name: string, bytes: usize, length: u32): void {
  fdtBeginProperty(writer, name);
  fdtBytes(writer, bytes, length);
  fdtEndProperty(writer);
}

/** `reg` with one entry of two address and two size cells. */
export function fdtPutReg(writer: FdtWriter, base: u64, size: u64): void {
  fdtBeginProperty(writer, "reg");
  fdtCellU64(writer, base);
  fdtCellU64(writer, size);
  fdtEndProperty(writer);
}

/** Copies one property of a checked tree into the open node. */
export function fdtCopyProperty(writer: FdtWriter, fdt: usize, property: usize): void {
  const name = fdtPropertyName(fdt, property);
  let length: u32 = 0;
  while (load<u8>(name + length) != 0) length++;
  fdtBeginPropertyBytes(writer, name, length);
  fdtBytes(writer, property, fdtLength(property));
  fdtEndProperty(writer);
}

/** Copies all properties of a checked tree's node into the open node. */
export function fdtCopyProperties(writer: FdtWriter, fdt: usize, node: usize): void {
  for (let property = fdtFirstProperty(node); property != 0; property = fdtNextProperty(property)) {
    fdtCopyProperty(writer, fdt, property);
  }
}

/** Copies a node of a checked tree with all that is below it. */
export function fdtCopyNode(writer: FdtWriter, fdt: usize, node: usize): void {
  const end = fdtNodeEnd(node);
  for (let token = node; token != end; token = fdtSkipToken(token)) {
    const kind = be32(token);
    if (kind == FDT_BEGIN_NODE) {
      fdtBeginNodeBytes(writer, fdtName(token), fdtNameLength(token));
      fdtCopyProperties(writer, fdt, token);
    } else if (kind == FDT_END_NODE) {
      fdtEndNode(writer);
    }
  }
}
