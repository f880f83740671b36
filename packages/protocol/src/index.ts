// SPDX-License-Identifier: Apache-2.0
// The management channel on Node: codecs, frames, and a client over any byte stream.
export * from "./generated.ts";
export type { Codec } from "./codec.ts";
export { crc32 } from "./crc32.ts";
export { encodeFrame, FRAME_MOST, FrameDecoder } from "./frame.ts";
export type { Frame, ReceivedFrame } from "./frame.ts";
