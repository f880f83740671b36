// SPDX-License-Identifier: Apache-2.0
// Frames with what they stand on, for their unit test. Compiled only into test modules.
export { crc32, crc32Init } from "../../lib/crc32";
export { decoderInit, decoderReset, frameDecode, frameEncode } from "./frame";
