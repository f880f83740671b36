// SPDX-License-Identifier: Apache-2.0
// The trace of a TypeOne host on Node: bytes of the rings to records, sums, tables, histograms and a file for Perfetto.
export { decodeRecords, RECORD_BYTES, RingReader } from "./record.ts";
export type { Piece, TraceRecord } from "./record.ts";
export { bucketOf, TraceModel } from "./model.ts";
export type { ExitTotal, GuestTotal, HartTotal, VcpuTotal } from "./model.ts";
export { histogramsText, histogramText, snapshot, tableText, timeText, traceRows } from "./text.ts";
export type { HartRow, Snapshot, TraceRows, VcpuRow } from "./text.ts";
export { HARTS_PROCESS, PerfettoWriter } from "./perfetto.ts";
export type { PerfettoOptions } from "./perfetto.ts";
export { EXIT_NAMES, KIND_NAMES, LEFT_NAMES, LINE_NAMES, parseMask, STATE_NAMES, whoIs, whoName } from "./names.ts";
export type { GuestNames, Who } from "./names.ts";
