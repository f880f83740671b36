// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own Sv39 table (layout.h): built before translation is on, extended at boot, and after that changed
// only for the two memory windows of the hart that copies.
#pragma once
#define PAGE 4096ull
#define MEGAPAGE 0x200000ull
#define PTE_TABLE 0x01ull
#define PTE_RX 0xebull  // V R X A D G  (no W)
#define PTE_R 0xe3ull
#define PTE_RW 0xe7ull
#define SATP_SV39 (8ull << 60)
#define LINEAR_TABLES 16  // 2 MiB of linear memory each

extern char _start[], _image_start[], _text_end[], _rodata_end[], _load_end[], _bss[], _bss_end[], _stacks[], _linear[], _image_end[];

typedef u64 table[512] __attribute__((aligned(4096)));
static table root, image_l1, image_l0, stacks_l1, stacks_l0, linear_l1, linear_l0[LINEAR_TABLES], devices_l1, devices_l0, windows_l1;
static __attribute__((section(".stacks"), aligned(4096), used)) u8 stacks[MAX_HARTS][2][STACK_SIZE];
static __attribute__((section(".linear"), aligned(4096), used)) u8 linear_static[LINEAR_BYTES];
EXPORT u64 address_space;  // satp of every hart

static struct {
  u64 hpa;         // of _image_start
  u64 linear_end;  // first linear address that is not mapped
  u32 device_pages, device_megapages;
} image;

static u64 entry_to(const void* target_hpa, u64 flags) { return (u64)target_hpa >> 12 << 10 | flags; }
static u64 leaf(u64 hpa, u64 flags) { return hpa >> 12 << 10 | flags; }
static u32 index_of(u64 va, u32 level) { return (u32)(va >> (12 + 9 * level)) & 511; }

static void map_linear_page(u64 va, u64 hpa) { linear_l0[va >> 21][index_of(va, 0)] = leaf(hpa, PTE_RW); }

static void map_image(void) {
  root[index_of(IMAGE_VA, 2)] = entry_to(image_l1, PTE_TABLE);
  image_l1[0] = entry_to(image_l0, PTE_TABLE);
  for (char* at = _image_start; at < _stacks; at += PAGE)
    image_l0[(at - _image_start) >> 12] = leaf((u64)at, at < _text_end ? PTE_RX : at < _rodata_end ? PTE_R : PTE_RW);
}

static void map_stacks(void) {
  root[index_of(STACKS_VA, 2)] = entry_to(stacks_l1, PTE_TABLE);
  stacks_l1[0] = entry_to(stacks_l0, PTE_TABLE);
  for (u32 hart = 0; hart < MAX_HARTS; hart++)
    for (u64 at = 0; at < STACK_SIZE; at += PAGE) {
      stacks_l0[(hart * STACK_STRIDE + STACK_TOP - STACK_SIZE + at) >> 12] = leaf((u64)&stacks[hart][0][at], PTE_RW);
      stacks_l0[(hart * STACK_STRIDE + FAULT_STACK_TOP - STACK_SIZE + at) >> 12] = leaf((u64)&stacks[hart][1][at], PTE_RW);
    }
}

// Runs untranslated: every address it takes is host-physical. Answers satp.
EXPORT u64 build_address_space(void) {
  image.hpa = (u64)_image_start;
  map_image();
  map_stacks();
  root[0] = entry_to(linear_l1, PTE_TABLE);
  root[1] = 0;
  for (u32 i = 0; i < LINEAR_TABLES; i++) linear_l1[i] = entry_to(linear_l0[i], PTE_TABLE);
  for (u64 at = 0; at < LINEAR_BYTES; at += PAGE) map_linear_page(LINEAR_START + at, (u64)_linear + at);
  image.linear_end = LINEAR_START + LINEAR_BYTES;
  root[index_of(DEVICES_VA, 2)] = entry_to(devices_l1, PTE_TABLE);
  devices_l1[0] = entry_to(devices_l0, PTE_TABLE);
  image.device_megapages = 1;
  root[index_of(WINDOWS_VA, 2)] = entry_to(windows_l1, PTE_TABLE);
  fill_bytes(linear_static, 0, LINEAR_BYTES);
  return address_space = SATP_SV39 | (u64)root >> 12;
}

static u32 extend_linear(u32 bytes) {
  u64 from = image.linear_end, hpa = image.hpa + (u64)(_linear - _image_start) - LINEAR_START + from;
  if (bytes % PAGE || bytes > LINEAR_TABLES * MEGAPAGE - from) return 0;
  for (u64 at = 0; at < bytes; at += PAGE) map_linear_page(from + at, hpa + at);
  image.linear_end += bytes;
  __asm__ volatile("sfence.vma" ::: "memory");
  return 1;
}

// Small devices take 4 KiB pages, those of 2 MiB and more whole megapages.
static u64 map_device(u64 hpa, u64 size) {
  u64 unit = size >= MEGAPAGE ? MEGAPAGE : PAGE, first = hpa & ~(unit - 1);
  u64 count = (hpa + size - first + unit - 1) / unit, va;
  if (!size || hpa + size < hpa || hpa + size > 1ull << 55) return 0;
  u32* next = unit == PAGE ? &image.device_pages : &image.device_megapages;
  if (count > 512 - *next) return 0;
  va = DEVICES_VA + *next * unit + (hpa - first);
  for (u64 i = 0; i < count; i++) (unit == PAGE ? devices_l0 : devices_l1)[(*next)++] = leaf(first + i * unit, PTE_RW);
  __asm__ volatile("sfence.vma" ::: "memory");
  return va;
}

// ---- Memory windows: slot 0 and 1 of this hart.
static u8* open_window(u32 slot, u64 hpa) {
  u32 index = HART_FIELD(u32, HART_INDEX) * 2 + slot;
  u64 va = WINDOWS_VA + index * MEGAPAGE;
  windows_l1[index] = leaf(hpa & ~(MEGAPAGE - 1), PTE_RW);
  __asm__ volatile("sfence.vma %0, x0" : : "r"(va) : "memory");
  return (u8*)(va + (hpa & (MEGAPAGE - 1)));
}
static void close_windows(void) {
  u32 index = HART_FIELD(u32, HART_INDEX) * 2;
  windows_l1[index] = windows_l1[index + 1] = 0;
  __asm__ volatile("sfence.vma %0, x0" : : "r"(WINDOWS_VA + index * MEGAPAGE) : "memory");
  __asm__ volatile("sfence.vma %0, x0" : : "r"(WINDOWS_VA + (index + 1) * MEGAPAGE) : "memory");
}
static u64 within_megapage(u64 hpa, u64 length) {
  u64 room = MEGAPAGE - (hpa & (MEGAPAGE - 1));
  return length < room ? length : room;
}

enum direction { FROM_HOST, TO_HOST, CLEAR_HOST };
static __attribute__((noinline)) void through_window(u64 hpa, u8* linear, u64 length, enum direction direction) {
  while (length) {
    u64 part = within_megapage(hpa, length);
    u8* window = open_window(0, hpa);
    if (direction == FROM_HOST) copy_bytes(linear, window, part);
    else if (direction == TO_HOST) copy_bytes(window, linear, part);
    else fill_bytes(window, 0, part);
    hpa += part, linear += part, length -= part;
  }
  close_windows();
}
// One value of 2, 4, 8 or 16 bytes at its alignment, as rings of descriptors are made of: moved whole, without a stack frame.
static int is_value(u64 hpa, const u8* linear, u64 length) {
  u64 low = length - 1;
  return low - 1 < 15 && !(length & low) && !((hpa | ((u64)linear & 7)) & low);
}
#define MOVE(type, at) ((volatile type*)to)[at] = ((const volatile type*)from)[at]
static inline __attribute__((always_inline)) void move_value(u8* to, const u8* from, u64 length) {
  if (length == 2) MOVE(u16, 0);
  else if (length == 4) MOVE(u32, 0);
  else {
    MOVE(u64, 0);
    if (length == 16) MOVE(u64, 1);
  }
}
static inline __attribute__((always_inline)) void through_window_once(u64 hpa, u8* linear, u64 length, enum direction direction) {
  u64 index = HART_FIELD(u32, HART_INDEX) * 2;
  u64 va = WINDOWS_VA + index * MEGAPAGE;
  u8* window = (u8*)(va + (hpa & (MEGAPAGE - 1)));
  windows_l1[index] = leaf(hpa & ~(MEGAPAGE - 1), PTE_RW);
  __asm__ volatile("sfence.vma %0, x0" : : "r"(va) : "memory");
  if (direction == FROM_HOST) move_value(linear, window, length);
  else move_value(window, linear, length);
  windows_l1[index] = 0;
  __asm__ volatile("sfence.vma %0, x0" : : "r"(va) : "memory");
}
static __attribute__((noinline)) void copy_in(u64 hpa, u8* linear, u64 length) {
  if (is_value(hpa, linear, length)) through_window_once(hpa, linear, length, FROM_HOST);
  else through_window(hpa, linear, length, FROM_HOST);
}
static __attribute__((noinline)) void copy_out(u64 hpa, u8* linear, u64 length) {
  if (is_value(hpa, linear, length)) through_window_once(hpa, linear, length, TO_HOST);
  else through_window(hpa, linear, length, TO_HOST);
}
static __attribute__((noinline)) void copy_across(u64 to, u64 from, u64 length) {
  while (length) {
    u64 part = within_megapage(to, within_megapage(from, length));
    copy_bytes(open_window(0, to), open_window(1, from), part);
    to += part, from += part, length -= part;
  }
  close_windows();
}
