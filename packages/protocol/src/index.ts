// SPDX-License-Identifier: Apache-2.0
// The management channel on Node: codecs, frames, and a client over any byte stream.
export * from "./generated.ts";
export type { Codec } from "./codec.ts";
export { uploadBlob } from "./blob.ts";
export type { Blob, UploadOptions } from "./blob.ts";
export { ChannelClient } from "./client.ts";
export type { Answer, AnyOperation, ByteStream, CallOptions, ChannelCounters, ClientOptions } from "./client.ts";
export { crc32 } from "./crc32.ts";
export { ChannelError, ChannelTimeout, LinkLost, SessionLost } from "./errors.ts";
export { follow } from "./follow.ts";
export type { Chunk, FollowOptions } from "./follow.ts";
export { encodeFrame, FRAME_MOST, FrameDecoder } from "./frame.ts";
export type { Frame, ReceivedFrame } from "./frame.ts";
export { getGuest, listGuests, waitForGuest } from "./watch.ts";
export type { WaitOptions } from "./watch.ts";
