// SPDX-License-Identifier: Apache-2.0
// Offsets of struct fields that unit tests of this folder and of the interrupt drivers set by hand. Loaded by tests
// alone, never part of the image: nothing types an offset.
import { Hart } from "./hart";

export const HART_ID: u32 = offsetof<Hart>("id");
export const HART_INDEX: u32 = offsetof<Hart>("index");
export const HART_SIZE: u32 = offsetof<Hart>();
