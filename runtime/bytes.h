// SPDX-License-Identifier: Apache-2.0
// Copy and fill, eight bytes at a time, unrolled to 64 where alignment allows: the hypervisor's only bulk loops.
#pragma once
static __attribute__((noinline)) void* copy_bytes(void* to, const void* from, u64 length) {
  u8* d = to;
  const u8* s = from;
  // A half word or a word in its place moves whole: another hart, or a device, may be writing it.
  if (length == 2 && (((u64)d | (u64)s) & 1) == 0) {
    *(volatile u16*)d = *(const volatile u16*)s;
    return to;
  }
  if (length == 4 && (((u64)d | (u64)s) & 3) == 0) {
    *(volatile u32*)d = *(const volatile u32*)s;
    return to;
  }
  if ((((u64)d ^ (u64)s) & 7) == 0) {
    for (; length && ((u64)d & 7); length--) *d++ = *s++;
    for (; length >= 64; length -= 64, d += 64, s += 64) {
      const u64* f = (const u64*)s;
      u64* t = (u64*)d;
      u64 a = f[0], b = f[1], c = f[2], e = f[3], g = f[4], h = f[5], i = f[6], j = f[7];
      t[0] = a, t[1] = b, t[2] = c, t[3] = e, t[4] = g, t[5] = h, t[6] = i, t[7] = j;
    }
    for (; length >= 8; length -= 8, d += 8, s += 8) *(u64*)d = *(const u64*)s;
  } else if (length >= 32) {
    // Aligned words of the source, shifted together. Nothing outside the words that hold the range is read.
    for (; (u64)d & 7; length--) *d++ = *s++;
    u32 shift = ((u64)s & 7) * 8;
    const u64* f = (const u64*)((u64)s & ~7ull);
    u64 low = *f++;
    for (; length >= 8; length -= 8, d += 8, s += 8) {
      u64 high = *f++;
      *(u64*)d = low >> shift | high << (64 - shift);
      low = high;
    }
  }
  while (length--) *d++ = *s++;
  return to;
}
static __attribute__((noinline)) void* fill_bytes(void* to, u8 value, u64 length) {
  u8* d = to;
  u64 word = value * 0x0101010101010101ull;
  for (; length && ((u64)d & 7); length--) *d++ = value;
  for (; length >= 64; length -= 64, d += 64) {
    u64* t = (u64*)d;
    t[0] = t[1] = t[2] = t[3] = t[4] = t[5] = t[6] = t[7] = word;
  }
  for (; length >= 8; length -= 8, d += 8) *(u64*)d = word;
  while (length--) *d++ = value;
  return to;
}
// What the compiler may call by itself.
void* memcpy(void* to, const void* from, size_t length) { return copy_bytes(to, from, length); }
void* memset(void* to, int value, size_t length) { return fill_bytes(to, (u8)value, length); }
