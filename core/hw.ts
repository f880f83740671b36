// SPDX-License-Identifier: Apache-2.0
// The hardware, as imports: everything that the hypervisor can do besides computing on its linear memory.
// On the metal each is a static inline of runtime/hw.h and costs what its instruction costs; in Node
// packages/sim gives each a meaning on the simulated machine. The list is short on purpose and counted in CI.
//
// Address kinds: `ptr` is a linear-memory address; `hva` a hypervisor address above 4 GiB (device windows);
// `hpa` a host-physical, `gpa` a guest-physical, `gva` a guest-virtual address.

// ---- Control and status registers. `csr` must be a compile-time constant at every call.
export declare function csrRead(csr: u32): u64;
export declare function csrWrite(csr: u32, value: u64): void;
export declare function csrSet(csr: u32, bits: u64): void;
export declare function csrClear(csr: u32, bits: u64): void;
export declare function csrSwap(csr: u32, value: u64): u64;
/** Writes and reads back a CSR that may not exist; answers `absent` if the access traps. Boot only. */
export declare function csrProbe(csr: u32, absent: u64): u64;

// ---- This hart.
/** Linear address of this hart's `Hart` record (the thread pointer on RISC-V). */
export declare function hart(): usize;
/** Makes `ptr` this hart's record from now on and sets its stackTop for hart `index`. */
export declare function setHart(ptr: usize, index: u32): void;
/** 1: each exit on this hart notes its time and the guest's interrupt lines in the Hart record (tracing); 0: none does. */
export declare function noteExits(on: u32): void;
/** Stops this hart for good. */
export declare function park(): void;

// ---- Order and translation.
/** Orders memory and device accesses before against those after. */
export declare function fence(): void;
/** Makes this hart's instruction fetches see earlier stores. */
export declare function fenceInstructions(): void;
/** Forgets this hart's guest-physical translations of one VMID. */
export declare function fenceStage2(vmid: u32): void;
/** Forgets this hart's guest-physical translations of every VMID. */
export declare function fenceStage2All(): void;
/** Forgets the loaded VMID's guest-virtual translations of one page; `asid` below 0 means every address space. */
export declare function fenceGuestPage(gva: u64, asid: i64): void;
/** Forgets all guest-virtual translations of the loaded VMID; `asid` below 0 means every address space. */
export declare function fenceGuest(asid: i64): void;

// ---- Device windows.
export declare function mmioRead8(hva: u64): u32;
export declare function mmioRead16(hva: u64): u32;
export declare function mmioRead32(hva: u64): u32;
export declare function mmioWrite8(hva: u64, value: u32): void;
export declare function mmioWrite16(hva: u64, value: u32): void;
export declare function mmioWrite32(hva: u64, value: u32): void;
/** Maps a device's registers into the hypervisor's own table and answers their hva; 0 if the windows are used up. Boot only. */
export declare function mapDevice(hpa: u64, size: u64): u64;

// ---- Memory outside the linear memory.
/** Host-physical address of linear address 0, so that hpa = linearBase() + ptr for all static data and the arena. */
export declare function linearBase(): u64;
/** First and one-past-last host-physical byte of the hypervisor: its image, and linear memory as far as it was extended. */
export declare function imageStart(): u64;
export declare function imageEnd(): u64;
/** Copies host memory into linear memory. */
export declare function copyIn(ptr: usize, hpa: u64, length: u32): void;
/** Copies linear memory to host memory. */
export declare function copyOut(hpa: u64, ptr: usize, length: u32): void;
/** Copies host memory to host memory; the ranges do not overlap. */
export declare function copyAcross(toHpa: u64, fromHpa: u64, length: u64): void;
/** Clears host memory. */
export declare function clear(hpa: u64, length: u64): void;
/** The 16-bit instruction parcel at a guest-virtual address as the guest would fetch it; 0x1_0000 if that faults. */
export declare function fetchGuestParcel(gva: u64): u32;

/** Adds `bytes` (a multiple of 4 KiB) of the host memory right behind the image to linear memory; 0 if it cannot. Boot only. */
export declare function extendLinear(bytes: u32): u32;

// ---- Atomics on linear memory: locks and cross-hart flags.
/** Atomically ORs and answers the value before; orders like acquire and release. */
export declare function atomicOr(ptr: usize, bits: u32): u32;
export declare function atomicAnd(ptr: usize, bits: u32): u32;
export declare function atomicAdd(ptr: usize, value: u32): u32;
export declare function atomicSwap(ptr: usize, value: u32): u32;
/** Stores `value` if the word is `expected`; answers the word before. */
export declare function atomicCompareSwap(ptr: usize, expected: u32, value: u32): u32;
/** A load that is never merged, cached or moved. */
export declare function atomicLoad(ptr: usize): u32;

// ---- Firmware.
/** SBI call; the error comes back, the value goes to `hart().sbiValue`. Never pass a guest's pointer. */
export declare function sbi(extension: u32, func: u32, a0: u64, a1: u64, a2: u64): i64;
/** Host-physical address at which a secondary hart starts; HSM's opaque argument becomes `secondary`'s. */
export declare function secondaryEntry(): u64;

// ---- Floating point state of the running vCPU: 32 registers of 8 bytes, then fcsr.
export declare function fpSave(ptr: usize): void;
export declare function fpRestore(ptr: usize): void;

// ---- Last words.
/** Fills `ptr` with up to `max` return addresses found on this hart's stack from `stack` (hva) up; answers how many. */
export declare function backtrace(ptr: usize, max: u32, stack: u64): u32;
/** Copies the name of the function that contains `pc`, and its offset, to `ptr` (at most `max` bytes); answers the length. */
export declare function symbolName(pc: u64, ptr: usize, max: u32): u32;
/** Copies the build's id (hexadecimal text) to `ptr`; answers the length. */
export declare function buildId(ptr: usize, max: u32): u32;
