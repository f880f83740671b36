// SPDX-License-Identifier: Apache-2.0
// Entry of a boot image: firmware comes here instead of to the hypervisor, with a0 = hart id and a1 = its device tree.
// Runs anywhere. The table behind the code (image.ts writes it) says where everything is; lead-in.c does the work.
.option norelax
.section .head, "ax"
.globl _start
_start:
  mv s0, a0
  mv s1, a1
  lla s2, table
  ld sp, 0(s2)
  mv a0, s2
  call lead_in
  fence.i
  mv a1, a0
  mv a0, s0
  ld t0, 8(s2)
  jr t0

.section .tail, "a"
.balign 16
// Code ends here, at a multiple of 16.
table:
