// SPDX-License-Identifier: Apache-2.0
// What the C that wasm2c makes needs to be freestanding machine code: types, loads and stores, traps, tables.
// It stands in place of wasm2c's own prelude (packages/toolchain/src/lower.ts cuts that out).
//
// Loads are naturally aligned accesses at AT(pointer). For the hypervisor AT sign-extends: linear memory is below
// 2 GiB, so a good pointer is its own address at no cost, and a wild one lands in the unmapped top or bottom 2 GiB.
// A payload that runs without translation defines LINEAR_BASE instead.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;

#ifdef LINEAR_BASE
#define AT(pointer) ((s64)(LINEAR_BASE) + (s64)(u64)(u32)(pointer))
#else
#define AT(pointer) ((s64)(s32)(pointer))
#endif

static __attribute__((noreturn, cold)) void wasm_trap(u32 code);
enum { TRAP_UNREACHABLE = 1, TRAP_DIV_BY_ZERO, TRAP_INT_OVERFLOW, TRAP_CALL_INDIRECT, TRAP_ABORT };
#define TRAP(kind) (wasm_trap(TRAP_##kind), 0)
#define UNREACHABLE wasm_trap(TRAP_UNREACHABLE)
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

// ---- Loads and stores; the names are wasm2c's.
#define DEFINE_LOAD(name, memory_type, sign_type, result_type)                         \
  static inline __attribute__((always_inline)) result_type name##_default32(s64 at) { \
    return (result_type)(sign_type) * (const memory_type*)at;                          \
  }
#define DEFINE_STORE(name, memory_type, value_type)                                              \
  static inline __attribute__((always_inline)) void name##_default32(s64 at, value_type value) { \
    *(memory_type*)at = (memory_type)value;                                                      \
  }
DEFINE_LOAD(i32_load, u32, u32, u32)
DEFINE_LOAD(i64_load, u64, u64, u64)
DEFINE_LOAD(i32_load8_s, s8, s32, u32)
DEFINE_LOAD(i64_load8_s, s8, s64, u64)
DEFINE_LOAD(i32_load8_u, u8, u32, u32)
DEFINE_LOAD(i64_load8_u, u8, u64, u64)
DEFINE_LOAD(i32_load16_s, s16, s32, u32)
DEFINE_LOAD(i64_load16_s, s16, s64, u64)
DEFINE_LOAD(i32_load16_u, u16, u32, u32)
DEFINE_LOAD(i64_load16_u, u16, u64, u64)
DEFINE_LOAD(i64_load32_s, s32, s64, u64)
DEFINE_LOAD(i64_load32_u, u32, u64, u64)
DEFINE_STORE(i32_store, u32, u32)
DEFINE_STORE(i64_store, u64, u64)
DEFINE_STORE(i32_store8, u8, u32)
DEFINE_STORE(i32_store16, u16, u32)
DEFINE_STORE(i64_store8, u8, u64)
DEFINE_STORE(i64_store16, u16, u64)
DEFINE_STORE(i64_store32, u32, u64)

// ---- Bulk memory.
static void* copy_bytes(void* to, const void* from, u64 length);
static void* fill_bytes(void* to, u8 value, u64 length);
#define memory_fill_default32(memory, d, v, n) fill_bytes((void*)AT(d), (u8)(v), (u32)(n))
#define memory_copy_default32(to, from, d, s, n) move_bytes((void*)AT(d), (const void*)AT(s), (u32)(n))
static inline void move_bytes(void* to, const void* from, u64 length) {
  if ((u64)to - (u64)from >= length) copy_bytes(to, from, length);
  else
    while (length--) ((u8*)to)[length] = ((const u8*)from)[length];
}

// ---- Static data, as packages/toolchain/src/pack-data.ts packs it; memory is zero before.
static inline u32 packed_number(const u8** from) {
  u32 value = 0, shift = 0;
  do value |= (u32)(**from & 0x7f) << shift, shift += 7;
  while (*(*from)++ & 0x80);
  return value;
}
static __attribute__((noinline)) void load_data(u32 to, const u8* from, u64 size) {
  const u8* end = from + size;
  u8* at = (u8*)AT(to);
  while (from < end) {
    at += packed_number(&from);
    u32 count = packed_number(&from);
    u32 step = 1 + (count & 1), left = count >> 1;
    for (; left >= 4; left -= 4, from += 4, at += 4 * step)
      at[0] = from[0], at[step] = from[1], at[2 * step] = from[2], at[3 * step] = from[3];
    for (; left; left--, at += step) *at = *from++;
  }
}

// ---- Integer operations with wasm's meaning.
static inline int count_leading64(u64 x) {
  int n = 0;
  for (int step = 32; step; step >>= 1)
    if (!(x >> (64 - step))) n += step, x <<= step;
  return n;
}
static inline int count_trailing64(u64 x) {
  int n = 0;
  for (int step = 32; step; step >>= 1)
    if (!(x & ((1ull << step) - 1))) n += step, x >>= step;
  return n;
}
static inline int count_ones64(u64 x) {
  x -= x >> 1 & 0x5555555555555555ull;
  x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
  return (int)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full) * 0x0101010101010101ull >> 56);
}
#define I64_CLZ(x) ((x) ? count_leading64(x) : 64)
#define I32_CLZ(x) ((u32)(x) ? count_leading64((u64)(u32)(x) << 32) : 32)
#define I64_CTZ(x) ((x) ? count_trailing64(x) : 64)
#define I32_CTZ(x) ((u32)(x) ? count_trailing64((u32)(x)) : 32)
#define I64_POPCNT(x) count_ones64(x)
#define I32_POPCNT(x) count_ones64((u32)(x))
#define DIV_S(ut, min, x, y) \
  ((UNLIKELY((y) == 0)) ? TRAP(DIV_BY_ZERO) : (UNLIKELY((x) == min && (y) == -1)) ? TRAP(INT_OVERFLOW) : (ut)((x) / (y)))
#define REM_S(ut, min, x, y) \
  ((UNLIKELY((y) == 0)) ? TRAP(DIV_BY_ZERO) : (UNLIKELY((x) == min && (y) == -1)) ? 0 : (ut)((x) % (y)))
#define I32_DIV_S(x, y) DIV_S(u32, INT32_MIN, (s32)x, (s32)y)
#define I64_DIV_S(x, y) DIV_S(u64, INT64_MIN, (s64)x, (s64)y)
#define I32_REM_S(x, y) REM_S(u32, INT32_MIN, (s32)x, (s32)y)
#define I64_REM_S(x, y) REM_S(u64, INT64_MIN, (s64)x, (s64)y)
#define DIV_U(x, y) ((UNLIKELY((y) == 0)) ? TRAP(DIV_BY_ZERO) : ((x) / (y)))
#define REM_U(x, y) ((UNLIKELY((y) == 0)) ? TRAP(DIV_BY_ZERO) : ((x) % (y)))
#define I32_ROTL(x, y) (((x) << ((y) & 31)) | ((x) >> ((32 - (y)) & 31)))
#define I64_ROTL(x, y) (((x) << ((y) & 63)) | ((x) >> ((64 - (y)) & 63)))
#define I32_ROTR(x, y) (((x) >> ((y) & 31)) | ((x) << ((32 - (y)) & 31)))
#define I64_ROTR(x, y) (((x) >> ((y) & 63)) | ((x) << ((64 - (y)) & 63)))

// ---- Function tables: an indirect call keeps wasm's signature check (a type is its name's address).
typedef void (*any_function)(void);
typedef struct {
  const char* type;
  any_function function;
} table_slot;
#define FUNC_TYPE_T(name) static const char name[]
#define TABLE_SLOTS 128
typedef struct {
  u32 size;
  table_slot data[TABLE_SLOTS];
} function_table;
#define CALL_INDIRECT(table, function_type, type_name, index, instance, ...)     \
  (LIKELY((index) < (table).size && (table).data[index].type == (type_name))    \
       ? 0                                                                      \
       : TRAP(CALL_INDIRECT),                                                   \
   ((function_type)(table).data[index].function)(instance __VA_OPT__(, ) __VA_ARGS__))
