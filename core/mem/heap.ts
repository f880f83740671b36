// SPDX-License-Identifier: Apache-2.0
// Where static data ends, for the build (it sizes the image's linear memory by it) and for the arena.

/** First linear address behind the static data. */
export const heapBase: usize = __heap_base;
