// SPDX-License-Identifier: Apache-2.0
// Entry from firmware (boot hart and secondaries) and entry from traps; the only code that touches a guest's registers.
// Offsets come from the TypeScript classes (offsets.h). Interrupts stay off while the hypervisor runs.
#include "layout.h"
#include "offsets.h"

.option norvc
.section .head, "ax"
// The Linux RISC-V Image header, so that any loader that can start Linux can start TypeOne.
.globl _start
_start:
  j boot
  .word 0
  .quad 0x200000                      // load offset from the start of RAM
  .quad _image_end - _start
  .quad 0                             // little-endian
  .word 2                             // header version 0.2
  .word 0
  .quad 0
  .ascii "RISCV\0\0\0"
  .ascii "RSC\x05"
  .word 0

// a0 = hart id, a1 = hpa of the host's device tree. Translation is off; all references are relative to the pc.
boot:
  csrw sie, zero
  csrw sscratch, zero
  mv s0, a0
  mv s1, a1
  lla t0, _bss
  lla t1, _bss_end
1:
  bgeu t0, t1, 2f
  sd zero, 0(t0)
  addi t0, t0, 8
  j 1b
2:
  lla sp, _stacks + STACK_SIZE
  call build_address_space            // a0 = value for satp
  li a1, 0
  lla t0, boot_translated
  j turn_on_translation
boot_translated:
  mv a0, s0
  mv a1, s1
  call start_boot_hart
  j enter

// HSM start: a0 = hart id, a1 = the opaque argument = index of the hart.
.globl secondary_entry
secondary_entry:
  csrw sie, zero
  csrw sscratch, zero
  mv s0, a1
  lla t0, address_space
  ld a0, 0(t0)
  mv a1, s0
  lla t0, secondary_translated
  j turn_on_translation
secondary_translated:
  mv a0, s0
  call start_secondary_hart
  j enter

// a0 = satp, a1 = hart index, t0 = hpa to go on at. The fetch after satp changes faults, and stvec leads up.
turn_on_translation:
  lla t1, _start
  li t2, IMAGE_VA
  sub t2, t2, t1
  add t0, t0, t2
  csrw stvec, t0
  li t1, STACK_STRIDE
  mul t1, t1, a1
  li sp, STACKS_VA + STACK_TOP
  add sp, sp, t1
  sfence.vma
  csrw satp, a0
.balign 4
  nop
  j .

// ---- A trap. From a guest sscratch holds its Context; in the hypervisor it is zero.
.balign 4
.globl trap_entry
trap_entry:
  csrrw a0, sscratch, a0
  beqz a0, from_hypervisor
save_guest:
  sd x1, CONTEXT_X1 + 0(a0)
  sd x2, CONTEXT_X1 + 8(a0)
  sd x3, CONTEXT_X1 + 16(a0)
  sd x4, CONTEXT_X1 + 24(a0)
  sd x5, CONTEXT_X1 + 32(a0)
  sd x6, CONTEXT_X1 + 40(a0)
  sd x7, CONTEXT_X1 + 48(a0)
  sd x8, CONTEXT_X1 + 56(a0)
  sd x9, CONTEXT_X1 + 64(a0)
  sd x11, CONTEXT_X1 + 80(a0)
  sd x12, CONTEXT_X1 + 88(a0)
  sd x13, CONTEXT_X1 + 96(a0)
  sd x14, CONTEXT_X1 + 104(a0)
  sd x15, CONTEXT_X1 + 112(a0)
  sd x16, CONTEXT_X1 + 120(a0)
  sd x17, CONTEXT_X1 + 128(a0)
  sd x18, CONTEXT_X1 + 136(a0)
  sd x19, CONTEXT_X1 + 144(a0)
  sd x20, CONTEXT_X1 + 152(a0)
  sd x21, CONTEXT_X1 + 160(a0)
  sd x22, CONTEXT_X1 + 168(a0)
  sd x23, CONTEXT_X1 + 176(a0)
  sd x24, CONTEXT_X1 + 184(a0)
  sd x25, CONTEXT_X1 + 192(a0)
  sd x26, CONTEXT_X1 + 200(a0)
  sd x27, CONTEXT_X1 + 208(a0)
  sd x28, CONTEXT_X1 + 216(a0)
  sd x29, CONTEXT_X1 + 224(a0)
  sd x30, CONTEXT_X1 + 232(a0)
  sd x31, CONTEXT_X1 + 240(a0)
  csrr t1, sepc
  ld tp, CONTEXT_HART(a0)
  csrrw t0, sscratch, zero            // the guest's a0
  ld sp, HART_STACK_TOP(tp)
  sd t0, CONTEXT_X1 + 72(a0)
  sd t1, CONTEXT_PC(a0)
  call handle_trap

// a0 = the Context to enter, with bit 0 set if every register must be loaded; or zero: nothing to run.
// Bit 0 clear: the same guest goes on, and what C preserves (s0 to s11, and gp, which it never uses) is still its own.
enter:
  beqz a0, idle
  andi t0, a0, 1
  bnez t0, enter_all
enter_short:
  ld t0, CONTEXT_PC(a0)
  sd tp, CONTEXT_HART(a0)
  csrw sscratch, a0
  csrw sepc, t0
  ld x1, CONTEXT_X1 + 0(a0)
  ld x2, CONTEXT_X1 + 8(a0)
  ld x4, CONTEXT_X1 + 24(a0)
  ld x5, CONTEXT_X1 + 32(a0)
  ld x6, CONTEXT_X1 + 40(a0)
  ld x7, CONTEXT_X1 + 48(a0)
  ld x11, CONTEXT_X1 + 80(a0)
  ld x12, CONTEXT_X1 + 88(a0)
  ld x13, CONTEXT_X1 + 96(a0)
  ld x14, CONTEXT_X1 + 104(a0)
  ld x15, CONTEXT_X1 + 112(a0)
  ld x16, CONTEXT_X1 + 120(a0)
  ld x17, CONTEXT_X1 + 128(a0)
  ld x28, CONTEXT_X1 + 216(a0)
  ld x29, CONTEXT_X1 + 224(a0)
  ld x30, CONTEXT_X1 + 232(a0)
  ld x31, CONTEXT_X1 + 240(a0)
  ld x10, CONTEXT_X1 + 72(a0)
  sret

enter_all:
  addi a0, a0, -1
  ld x3, CONTEXT_X1 + 16(a0)
  ld x8, CONTEXT_X1 + 56(a0)
  ld x9, CONTEXT_X1 + 64(a0)
  ld x18, CONTEXT_X1 + 136(a0)
  ld x19, CONTEXT_X1 + 144(a0)
  ld x20, CONTEXT_X1 + 152(a0)
  ld x21, CONTEXT_X1 + 160(a0)
  ld x22, CONTEXT_X1 + 168(a0)
  ld x23, CONTEXT_X1 + 176(a0)
  ld x24, CONTEXT_X1 + 184(a0)
  ld x25, CONTEXT_X1 + 192(a0)
  ld x26, CONTEXT_X1 + 200(a0)
  ld x27, CONTEXT_X1 + 208(a0)
  j enter_short

idle:
  wfi
  li a0, 0
  call handle_trap
  j enter

// stvec while exits are traced (hw.noteExits): when it happened and the interrupts pending in the guest, then as above.
.balign 4
.globl traced_entry
traced_entry:
  csrrw a0, sscratch, a0
  beqz a0, from_hypervisor
  sd x5, CONTEXT_X1 + 32(a0)
  sd x6, CONTEXT_X1 + 40(a0)
  ld t0, CONTEXT_HART(a0)
  rdtime t1
  sd t1, HART_EXIT_TIME(t0)
  csrr t1, hvip
  sd t1, HART_EXIT_LINES(t0)
  ld x5, CONTEXT_X1 + 32(a0)
  ld x6, CONTEXT_X1 + 40(a0)
  j save_guest

// ---- The hypervisor itself trapped (a0 = 0, its a0 is in sscratch). An access that may fault has its address in
// .fixups: skip that one instruction. Anything else is recorded and handed to `trap` on a fresh stack.
from_hypervisor:
  beqz tp, early_fault
  csrr a0, sscratch
  sd x10, FAULT_X1 + 72(tp)
  csrw sscratch, zero
  sd x5, FAULT_X1 + 32(tp)
  sd x6, FAULT_X1 + 40(tp)
  sd x7, FAULT_X1 + 48(tp)
  csrr t0, sepc
  lla t1, _fixups
  lla t2, _fixups_end
1:
  bgeu t1, t2, record_fault
  ld a0, 0(t1)
  addi t1, t1, 8
  bne a0, t0, 1b
  addi t0, t0, 4
  csrw sepc, t0
  ld x5, FAULT_X1 + 32(tp)
  ld x6, FAULT_X1 + 40(tp)
  ld x7, FAULT_X1 + 48(tp)
  ld x10, FAULT_X1 + 72(tp)
  sret
record_fault:
  sd x1, FAULT_X1 + 0(tp)
  sd x2, FAULT_X1 + 8(tp)
  sd x3, FAULT_X1 + 16(tp)
  sd x4, FAULT_X1 + 24(tp)
  sd x8, FAULT_X1 + 56(tp)
  sd x9, FAULT_X1 + 64(tp)
  sd x11, FAULT_X1 + 80(tp)
  sd x12, FAULT_X1 + 88(tp)
  sd x13, FAULT_X1 + 96(tp)
  sd x14, FAULT_X1 + 104(tp)
  sd x15, FAULT_X1 + 112(tp)
  sd x16, FAULT_X1 + 120(tp)
  sd x17, FAULT_X1 + 128(tp)
  sd x18, FAULT_X1 + 136(tp)
  sd x19, FAULT_X1 + 144(tp)
  sd x20, FAULT_X1 + 152(tp)
  sd x21, FAULT_X1 + 160(tp)
  sd x22, FAULT_X1 + 168(tp)
  sd x23, FAULT_X1 + 176(tp)
  sd x24, FAULT_X1 + 184(tp)
  sd x25, FAULT_X1 + 192(tp)
  sd x26, FAULT_X1 + 200(tp)
  sd x27, FAULT_X1 + 208(tp)
  sd x28, FAULT_X1 + 216(tp)
  sd x29, FAULT_X1 + 224(tp)
  sd x30, FAULT_X1 + 232(tp)
  sd x31, FAULT_X1 + 240(tp)
  csrr t1, scause
  sd t1, FAULT_CAUSE(tp)
  csrr t1, stval
  sd t1, FAULT_VALUE(tp)
  sd t0, FAULT_PC(tp)
  ld sp, HART_STACK_TOP(tp)           // the other stack: what the faulting one holds is still to be read
  li t1, FAULT_STACK_TOP - STACK_TOP
  add sp, sp, t1
  li a0, 1                            // "the hypervisor faulted" (guest/run.ts)
  call handle_trap
  j enter
.balign 4
.globl early_trap
early_trap:
early_fault:
  csrr a0, scause
  csrr a1, sepc
  csrr a2, stval
  j fault_before_records

// ---- Floating-point state: the only instructions of their kind in the image. a0 = where.
.option arch, +d
.text
.macro each_f op
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  \op f\n, \n * 8(a0)
  .endr
.endm
.globl fp_save
fp_save:
  each_f fsd
  csrr t0, fcsr
  sd t0, 256(a0)
  ret
.globl fp_restore
fp_restore:
  each_f fld
  ld t0, 256(a0)
  csrw fcsr, t0
  ret
