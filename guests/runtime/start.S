// SPDX-License-Identifier: Apache-2.0
// Entry of every payload: Linux Image header, per-hart stack and block, trap vector, and the probe that does one
// access (or one arbitrary instruction) and reports the trap that it met instead of taking it.
// The same image runs in VS-mode under TypeOne and in S-mode under bare SBI firmware; it never turns translation on.
#include "block.h"

  .section .entry, "ax"
  .globl _start
  .option push
  .option norvc
_start:
  j start            // code0
  .word 0            // code1
  .quad 0x200000     // text_offset
  .quad _image_size  // image_size
  .quad 0            // flags: little-endian
  .word 2            // version 0.2
  .word 0
  .quad 0
  .ascii "RISCV\0\0\0"
  .ascii "RSC\x05"
  .word 0
  .option pop

start:
  csrw sie, zero
  la t0, _bss_start
  la t1, _bss_end
1:
  sd zero, 0(t0)
  addi t0, t0, 8
  bltu t0, t1, 1b
  call enter_c
  call guest_boot
2:
  wfi
  j 2b

  .globl guest_secondary_entry
  .balign 4
guest_secondary_entry:
  csrw sie, zero
  call enter_c
  call guest_secondary
3:
  wfi
  j 3b

// Gives the hart in a0 its stack, block and vector; changes t0 to t2 only.
enter_c:
  slli t0, a0, BLOCK_SHIFT
  la tp, blocks
  add tp, tp, t0
  sd a0, BLOCK_HART(tp)
  csrw sscratch, tp
  addi t0, a0, 1
  slli t0, t0, STACK_SHIFT
  la sp, stacks
  add sp, sp, t0
  la t0, vector
  csrw stvec, t0
  ret

  .balign 4
vector:
  csrrw t0, sscratch, t0
  sd t1, BLOCK_T1(t0)
  ld t1, BLOCK_EXPECT(t0)
  bnez t1, probed
  addi sp, sp, -160
  sd ra, 0(sp)
  ld t1, BLOCK_T1(t0)
  sd t1, 16(sp)
  csrrw t1, sscratch, t0
  sd t1, 8(sp)
  mv t1, t0
  sd tp, 24(sp)
  mv tp, t1
  sd t2, 32(sp)
  sd t3, 40(sp)
  sd t4, 48(sp)
  sd t5, 56(sp)
  sd t6, 64(sp)
  sd a0, 72(sp)
  sd a1, 80(sp)
  sd a2, 88(sp)
  sd a3, 96(sp)
  sd a4, 104(sp)
  sd a5, 112(sp)
  sd a6, 120(sp)
  sd a7, 128(sp)
  csrr t0, sepc
  sd t0, 136(sp)
  csrr t0, sstatus
  sd t0, 144(sp)
  csrr a0, scause
  csrr a1, stval
  call guest_interrupt
  ld t0, 144(sp)
  csrw sstatus, t0
  ld t0, 136(sp)
  csrw sepc, t0
  ld ra, 0(sp)
  ld t0, 8(sp)
  ld t1, 16(sp)
  ld tp, 24(sp)
  ld t2, 32(sp)
  ld t3, 40(sp)
  ld t4, 48(sp)
  ld t5, 56(sp)
  ld t6, 64(sp)
  ld a0, 72(sp)
  ld a1, 80(sp)
  ld a2, 88(sp)
  ld a3, 96(sp)
  ld a4, 104(sp)
  ld a5, 112(sp)
  ld a6, 120(sp)
  ld a7, 128(sp)
  addi sp, sp, 160
  sret

// A probe's trap: leaves guest_probe as if it had returned the cause. Any register may hold anything here.
probed:
  csrw sscratch, t0
  mv tp, t0
  sd a0, BLOCK_VALUE(tp)
  csrr a0, stval
  sd a0, BLOCK_TVAL(tp)
  csrr a0, sepc
  sd a0, BLOCK_EPC(tp)
  csrr a0, scause
  sd a0, BLOCK_CAUSE(tp)
  j probe_leave

// u64 guest_probe(u64 kind, u64 a, u64 b): kinds 0 to 3 load 1 to 8 bytes at a, 4 to 7 store b there, 8 jumps to a,
// 9 runs what is in guest_slot with a0 = a and a1 = b. Answers the cause, or all ones for none.
  .globl guest_probe
guest_probe:
  sd ra, BLOCK_SAVED+0(tp)
  sd sp, BLOCK_SAVED+8(tp)
  sd gp, BLOCK_SAVED+16(tp)
  sd s0, BLOCK_SAVED+32(tp)
  sd s1, BLOCK_SAVED+40(tp)
  sd s2, BLOCK_SAVED+48(tp)
  sd s3, BLOCK_SAVED+56(tp)
  sd s4, BLOCK_SAVED+64(tp)
  sd s5, BLOCK_SAVED+72(tp)
  sd s6, BLOCK_SAVED+80(tp)
  sd s7, BLOCK_SAVED+88(tp)
  sd s8, BLOCK_SAVED+96(tp)
  sd s9, BLOCK_SAVED+104(tp)
  sd s10, BLOCK_SAVED+112(tp)
  sd s11, BLOCK_SAVED+120(tp)
  li t0, 1
  sd t0, BLOCK_EXPECT(tp)
  la t0, probe_kinds
  slli a0, a0, 3
  add t0, t0, a0
  jr t0
  .option push
  .option norvc
  .balign 8
probe_kinds:
  lbu a0, 0(a1)
  j probe_done
  lhu a0, 0(a1)
  j probe_done
  lwu a0, 0(a1)
  j probe_done
  ld a0, 0(a1)
  j probe_done
  sb a2, 0(a1)
  j probe_done
  sh a2, 0(a1)
  j probe_done
  sw a2, 0(a1)
  j probe_done
  sd a2, 0(a1)
  j probe_done
  jalr a1
  j probe_done
  j run_slot
  .option pop
probe_done:
  sd a0, BLOCK_VALUE(tp)
  li a0, -1
probe_leave:
  sd zero, BLOCK_EXPECT(tp)
  ld ra, BLOCK_SAVED+0(tp)
  ld sp, BLOCK_SAVED+8(tp)
  ld gp, BLOCK_SAVED+16(tp)
  ld s0, BLOCK_SAVED+32(tp)
  ld s1, BLOCK_SAVED+40(tp)
  ld s2, BLOCK_SAVED+48(tp)
  ld s3, BLOCK_SAVED+56(tp)
  ld s4, BLOCK_SAVED+64(tp)
  ld s5, BLOCK_SAVED+72(tp)
  ld s6, BLOCK_SAVED+80(tp)
  ld s7, BLOCK_SAVED+88(tp)
  ld s8, BLOCK_SAVED+96(tp)
  ld s9, BLOCK_SAVED+104(tp)
  ld s10, BLOCK_SAVED+112(tp)
  ld s11, BLOCK_SAVED+120(tp)
  ret

// Every register but a0 and a1 points into the middle of the scratch area, so that a random store does no harm.
run_slot:
  mv a0, a1
  mv a1, a2
  la t0, guest_scratch + 4096
  .irp reg, ra, sp, gp, tp, t1, t2, t3, t4, t5, t6, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, a2, a3, a4, a5, a6, a7
  mv \reg, t0
  .endr
  j guest_slot

// The shortest timer interrupt: turns the timer off in sie and goes back. The bench counts it.
  .globl guest_short_vector
  .balign 4
guest_short_vector:
  csrw sscratch, t0
  li t0, 32
  csrc sie, t0
  csrr t0, sscratch
  sret

// void guest_fp_fill(u64 seed), u64 guest_fp_check(u64 seed): all 32 registers and fcsr; the check answers a bit mask.
  .option push
  .option arch, +d
  .globl guest_fp_fill
guest_fp_fill:
  andi t0, a0, 0x1f
  csrw fcsr, t0
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  addi t0, a0, \n
  fmv.d.x f\n, t0
  .endr
  ret

  .globl guest_fp_check
guest_fp_check:
  li t1, 0
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  addi t0, a0, \n
  fmv.x.d t2, f\n
  xor t0, t0, t2
  snez t0, t0
  slli t0, t0, \n
  or t1, t1, t0
  .endr
  csrr t0, fcsr
  andi t2, a0, 0x1f
  xor t0, t0, t2
  snez t0, t0
  slli t0, t0, 32
  or a0, t1, t0
  ret

// u64 guest_fp_any(void): not 0 if any register or fcsr is not zero.
  .globl guest_fp_any
guest_fp_any:
  csrr a0, fcsr
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fmv.x.d t0, f\n
  or a0, a0, t0
  .endr
  ret
  .option pop

  .section .slot, "awx"
  .globl guest_slot
  .balign 64
guest_slot:
  .fill SLOT_BYTES, 1, 0

  .bss
  .balign 4096
  .globl guest_scratch
guest_scratch:
  .skip 8192
stacks:
  .skip MAX_HARTS << STACK_SHIFT
  .balign 256
blocks:
  .skip MAX_HARTS << BLOCK_SHIFT
