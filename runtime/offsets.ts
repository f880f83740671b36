// SPDX-License-Identifier: Apache-2.0
// The struct offsets that assembly and the shim know, taken from the classes themselves. The build compiles this file,
// reads its exported constants, and writes build/typeone/offsets.h; nothing types an offset by hand.
import { Context } from "../core/arch/riscv64/context";
import { FaultFrame } from "../core/arch/riscv64/fault";
import { Hart } from "../core/host/hart";

export const CONTEXT_HART: u32 = offsetof<Context>("hart");
export const CONTEXT_X1: u32 = offsetof<Context>("x1");
export const CONTEXT_PC: u32 = offsetof<Context>("pc");
export const CONTEXT_F0: u32 = offsetof<Context>("f0");
export const CONTEXT_FCSR: u32 = offsetof<Context>("fcsr");
export const FAULT_CAUSE: u32 = offsetof<FaultFrame>("faultCause");
export const FAULT_X1: u32 = offsetof<FaultFrame>("x1");
export const FAULT_PC: u32 = offsetof<FaultFrame>("faultPc");
export const FAULT_VALUE: u32 = offsetof<FaultFrame>("faultValue");
export const HART_STACK_TOP: u32 = offsetof<Hart>("stackTop");
export const HART_SBI_VALUE: u32 = offsetof<Hart>("sbiValue");
export const HART_EXIT_TIME: u32 = offsetof<Hart>("exitTime");
export const HART_EXIT_LINES: u32 = offsetof<Hart>("exitLines");
export const HART_TRACE: u32 = offsetof<Hart>("trace");
export const HART_INDEX: u32 = offsetof<Hart>("index");
