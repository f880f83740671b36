// SPDX-License-Identifier: Apache-2.0
// The machine as a payload sees it: every import that shim.c gives a meaning. Used by guests/lib and the payloads.
// Addresses are guest-physical (translation stays off); `ptr` is a pointer into the payload's own linear memory.

/** `csr` must be a constant at every call. */
export declare function csrRead(csr: u32): u64;
export declare function csrWrite(csr: u32, value: u64): void;
export declare function csrSet(csr: u32, bits: u64): void;
export declare function csrClear(csr: u32, bits: u64): void;

/** SBI call: answers the error; the value is ecallValue(). */
export declare function ecall(extension: u64, func: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64;
export declare function ecallValue(): u64;
/** The same without looking at the answer, for counting. */
export declare function ecallOnly(extension: u64, func: u64, a0: u64, a1: u64, a2: u64, a3: u64): void;

export declare function read8(gpa: u64): u64;
export declare function read16(gpa: u64): u64;
export declare function read32(gpa: u64): u64;
export declare function read64(gpa: u64): u64;
export declare function write8(gpa: u64, value: u64): void;
export declare function write16(gpa: u64, value: u64): void;
export declare function write32(gpa: u64, value: u64): void;
export declare function write64(gpa: u64, value: u64): void;

/** One access whose trap is reported instead of taken; kinds in lib/probe.ts. Answers the cause, all ones for none. */
export declare function probe(kind: u32, gpa: u64, value: u64): u64;
/** What the last probe loaded (or left in a0), and stval of its trap. */
export declare function probeValue(): u64;
export declare function probeTval(): u64;
/** Runs one instruction word with these a0 and a1, every other register pointing into scratch(); answers the cause. */
export declare function execute(word: u32, a0: u64, a1: u64): u64;

export declare function atomicAdd(ptr: usize, value: u32): u32;
export declare function atomicSwap(ptr: usize, value: u32): u32;
export declare function atomicLoad(ptr: usize): u32;
export declare function atomicStore(ptr: usize, value: u32): void;

/** Number of this hart. */
export declare function hart(): u32;
export declare function linearToGpa(ptr: usize): u64;
/** Address to give to HSM hart_start: ends in the payload's exported `secondary(hart, argument)`. */
export declare function secondaryEntry(): u64;
/** A trap vector that only turns the timer interrupt off. */
export declare function shortVector(): u64;
/** 8 KiB that nothing else uses. */
export declare function scratch(): u64;
export declare function wfi(): void;
export declare function fence(): void;
export declare function fenceI(): void;
export declare function sfenceVma(): void;

/** Fills and checks all floating-point registers (sstatus.FS must be on); the check answers a mask of wrong ones. */
export declare function fpFill(seed: u64): void;
export declare function fpCheck(seed: u64): u64;
export declare function fpAny(): u64;
