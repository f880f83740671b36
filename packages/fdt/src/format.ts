// SPDX-License-Identifier: Apache-2.0
// Numbers of the flattened format. @spec devicetree v0.4 §5

export const MAGIC = 0xd00d_feed;
export const VERSION = 17;
export const OLDEST_VERSION = 16;
export const HEADER_SIZE = 40;
export const HEADER_SIZE_16 = 36;

export const BEGIN_NODE = 1;
export const END_NODE = 2;
export const PROP = 3;
export const NOP = 4;
export const END = 9;

export const align4 = (offset: number): number => (offset + 3) & ~3;
