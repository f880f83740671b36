// SPDX-License-Identifier: Apache-2.0
// Offsets of Hart's fields for unit tests that play a hart. Compiled only into test modules.
import { Hart } from "./hart";

export const HART_ID: u32 = offsetof<Hart>("id");
export const HART_INDEX: u32 = offsetof<Hart>("index");
