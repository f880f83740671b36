// SPDX-License-Identifier: Apache-2.0
// How many frames of one size are worth having ready.
import { wireCost } from "./exchange.ts";

/** Frames with this body that fill the window, and one that waits; the exchange itself keeps to the window. */
export function exchangeDepth(window: number, bodyBytes: number): number {
  return Math.min(64, Math.floor(window / wireCost(bodyBytes)) + 1);
}
