// SPDX-License-Identifier: Apache-2.0
// Device trees on Node: parse and serialize flattened blobs, build and change trees, print device tree source.
export { FdtError } from "./error.ts";
export { bytes, cells, concat, decodeCells, decodeStrings, strings, u64 } from "./value.ts";
export type { PropertyInput } from "./value.ts";
export { FdtNode, MAX_DEPTH, node } from "./node.ts";
export { FdtTree, find, merge } from "./tree.ts";
export type { Reservation } from "./tree.ts";
export { parse } from "./parse.ts";
export { serialize } from "./serialize.ts";
export { printDts } from "./dts.ts";
export { parseDts, parseDtsWithPlaces } from "./dts-parse.ts";
export type { DtsOptions, ParsedDts } from "./dts-parse.ts";
export { DtsError } from "./dts-scan.ts";
export type { DtsPlace } from "./dts-scan.ts";
