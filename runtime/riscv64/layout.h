// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own address space (Sv39), for assembly, C and the linker script.
//
//   0x0000000000010000  linear memory: static data, then the arena    RW   (below it: unmapped, so null faults)
//   0x0000000080000000  end of what a good pointer can name
//   0xffffffc000000000  image: text RX, read-only data R, data RW
//   0xffffffc040000000  stacks, two per hart, unmapped pages below each
//   0xffffffd000000000  device windows                                RW
//   0xffffffe000000000  memory windows: two per hart, 2 MiB each      RW   (mapped only while a copy runs)
//   0xffffffff80000000  where a wild pointer with its top bit set lands: unmapped
#pragma once
#define IMAGE_VA 0xffffffc000000000
#define STACKS_VA 0xffffffc040000000
#define DEVICES_VA 0xffffffd000000000
#define WINDOWS_VA 0xffffffe000000000
#define LINEAR_START 0x10000
#define LINEAR_LIMIT 0x80000000

#define MAX_HARTS 16
// Per hart, from below: guard, stack, guard, the stack on which a fault of the hypervisor is dealt with.
#define STACK_SIZE 0x2000
#define STACK_TOP 0x4000
#define FAULT_STACK_TOP 0x8000
#define STACK_STRIDE 0x8000
