// SPDX-License-Identifier: Apache-2.0
// The one translation unit of the image: the generated core, and the imports that it inlines.
#include "../wasm.h"
#include "offsets.h"
#include "layout.h"
#include "../bytes.h"

// Called or read by assembly.
#define EXPORT __attribute__((used, externally_visible))

struct w2c_hw;
struct w2c_env;
static inline u64 this_hart(void) {
  u64 record;
  __asm__("mv %0, tp" : "=r"(record));
  return record;
}
#define HART_FIELD(type, offset) (*(type*)(this_hart() + (offset)))
#include "space.h"
#include "report.h"
#include "hw.h"
#include "core.c"

static w2c_core core;

// A wasm trap is a breakpoint with its kind in a0: from_hypervisor records it like any fault.
static void wasm_trap(u32 code) {
  register u64 kind __asm__("a0") = code;
  __asm__ volatile("ebreak" : : "r"(kind));
  __builtin_unreachable();
}
static void w2c_env_abort(struct w2c_env* _unused, u32 message, u32 file, u32 line, u32 column) {
  register u64 kind __asm__("a0") = TRAP_ABORT;
  register u64 a1 __asm__("a1") = file;
  register u64 a2 __asm__("a2") = line;
  register u64 a3 __asm__("a3") = message;
  __asm__ volatile("ebreak" : : "r"(kind), "r"(a1), "r"(a2), "r"(a3));
  __builtin_unreachable();
}

EXPORT u64 start_boot_hart(u64 hart, u64 fdt) {
  __asm__ volatile("mv tp, zero\nla t0, early_trap\ncsrw stvec, t0" ::: "t0", "memory");
  init_globals(&core);
  init_tables(&core);
  init_memories(&core);
  run_start(&core);
  return w2c_core_boot(&core, hart, fdt);
}
EXPORT u64 start_secondary_hart(u64 index) {
  __asm__ volatile("mv tp, zero\nla t0, early_trap\ncsrw stvec, t0" ::: "t0", "memory");
  return w2c_core_secondary(&core, index);
}
EXPORT u64 handle_trap(u64 context) { return (u64)(s64)(s32)w2c_core_trap(&core, (u32)context); }
