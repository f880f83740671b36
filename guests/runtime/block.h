// SPDX-License-Identifier: Apache-2.0
// Offsets in a payload hart's block (tp and sscratch point at it): shared by start.S and shim.c.
// Nothing else may know these numbers.
#define BLOCK_EXPECT 0    // not 0: the next trap belongs to guest_probe
#define BLOCK_CAUSE 8     // scause, stval, sepc and a0 of the probe's trap
#define BLOCK_TVAL 16
#define BLOCK_EPC 24
#define BLOCK_VALUE 32
#define BLOCK_SBIVALUE 40 // a1 of the last SBI call
#define BLOCK_HART 48
#define BLOCK_T1 56
#define BLOCK_SAVED 64    // ra, sp, gp, tp, s0 to s11
#define BLOCK_SHIFT 8     // 256 bytes each
#define MAX_HARTS 16
#define STACK_SHIFT 14
#define SLOT_BYTES 64
