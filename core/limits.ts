// SPDX-License-Identifier: Apache-2.0
// How many of each thing one hypervisor can have. Imports nothing, so that any file may size its tables by it.

/** Harts that one image can run; more are left parked and reported. */
export const MAX_HARTS: u32 = 16;
export const MAX_GUESTS: u32 = 64;
/** vCPUs of one guest. */
export const MAX_VCPUS: u32 = 8;
/** Pieces of host memory that make up one guest's RAM. */
export const MAX_RANGES: u32 = 16;
/** Bytes of a guest's name with its NUL. */
export const NAME_LENGTH: u32 = 32;
/** Bytes of the 64 exits remembered per vCPU; a power of two. */
export const TRAIL_BYTES: u32 = 2048;
