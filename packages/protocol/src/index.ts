// SPDX-License-Identifier: Apache-2.0
// The management channel on Node: codecs, frames, and a client over any byte stream.
export * from "./generated.ts";
export type { Codec } from "./codec.ts";
