// SPDX-License-Identifier: Apache-2.0
// What the core needs to describe a fault: return addresses on the stack, names of functions, and last words for a
// fault so early that no hart record exists.
#pragma once
extern const u8 _symbols[], _symbols_end[];  // made by packages/toolchain/src/symbols.ts

static int follows_call(u64 address) {
  if (address < (u64)_image_start + 4 || address >= (u64)_text_end || address & 1) return 0;
  u32 before = *(u16*)(address - 4) | (u32) * (u16*)(address - 2) << 16;
  if ((before & 0xfff) == 0x0ef || (before & 0xfff) == 0x0e7) return 1;         // jal ra, jalr ra
  return (before >> 16 & 0xf07f) == 0x9002 && (before >> 23 & 31) != 0;         // c.jalr
}

static u32 backtrace_from(u64 stack, u64* to, u32 max) {
  u32 found = 0;
  u64 top = HART_FIELD(u64, HART_STACK_TOP);
  if (stack < top - STACK_SIZE || stack & 7) return 0;
  for (; stack < top && found < max; stack += 8)
    if (follows_call(*(u64*)stack)) to[found++] = *(u64*)stack;
  return found;
}

static u32 put_text(char* to, u32 at, u32 max, const char* text) {
  while (*text && at < max) to[at++] = *text++;
  return at;
}
static u32 put_hex(char* to, u32 at, u32 max, u64 value) {
  int shift = 60;
  while (shift && !(value >> shift)) shift -= 4;
  for (; shift >= 0 && at < max; shift -= 4) to[at++] = "0123456789abcdef"[value >> shift & 15];
  return at;
}

static __attribute__((noinline)) u32 symbol_name(u64 pc, char* to, u32 max) {
  const u8* at = _symbols;
  u64 begin = 0, offset = pc - (u64)_image_start;
  u32 length = 0;
  if (pc < (u64)_image_start || pc >= (u64)_text_end) return 0;
  while (at < _symbols_end) {
    u64 next = begin + packed_number(&at);
    if (next > offset) break;
    begin = next;
    for (length = *at++; *at; at++, length++)
      if (length < max) to[length] = *at;
    at++;
  }
  if (length == 0) return 0;
  return put_hex(to, put_text(to, length < max ? length : max, max, "+0x"), max, offset - begin);
}

static void firmware_write(const char* text, u32 length) {
  for (u32 i = 0; i < length; i++) {
    register u64 a0 __asm__("a0") = (u8)text[i];
    register u64 a1 __asm__("a1") = 0;
    register u64 a6 __asm__("a6") = 2;
    register u64 a7 __asm__("a7") = 0x4442434e;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  }
}

EXPORT __attribute__((noreturn)) void fault_before_records(u64 cause, u64 pc, u64 value) {
  char line[128];
  u32 at = put_text(line, 0, sizeof line, "typeone: fault while starting: scause 0x");
  at = put_hex(line, at, sizeof line, cause);
  at = put_hex(line, put_text(line, at, sizeof line, " sepc 0x"), sizeof line, pc);
  at = put_hex(line, put_text(line, at, sizeof line, " stval 0x"), sizeof line, value);
  firmware_write(line, put_text(line, at, sizeof line, "\n"));
  for (;;) __asm__ volatile("wfi");
}
