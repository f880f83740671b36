// SPDX-License-Identifier: Apache-2.0
// A payload's machine: meanings of the imports in hw.ts, boot of the wasm module, and nothing more.
// build.ts puts runtime/wasm.h before it and the module's generated C at GENERATED into the same translation unit.
#include "../../runtime/wasm.h"
#include "../../runtime/bytes.h"
#include "block.h"
#define IMPORT static inline __attribute__((always_inline, unused))
#define HW struct w2c_hw *hw_unused
struct w2c_hw;
struct w2c_env;

u64 guest_probe(u64 kind, u64 a, u64 b);
void guest_fp_fill(u64 seed);
u64 guest_fp_check(u64 seed);
u64 guest_fp_any(void);
extern u8 guest_secondary_entry[], guest_short_vector[], guest_scratch[], guest_slot[];
static u8* block(void) {
  u8* tp;
  __asm__("mv %0, tp" : "=r"(tp));
  return tp;
}
#define BLOCK(offset) (*(volatile u64*)(block() + (offset)))

// ---- CSRs: the number is a constant at every call.
IMPORT u64 w2c_hw_csrRead(HW, u32 csr) {
  u64 value;
  __asm__ volatile("csrr %0, %1" : "=r"(value) : "i"(csr) : "memory");
  return value;
}
IMPORT void w2c_hw_csrWrite(HW, u32 csr, u64 value) { __asm__ volatile("csrw %0, %1" ::"i"(csr), "r"(value) : "memory"); }
IMPORT void w2c_hw_csrSet(HW, u32 csr, u64 bits) { __asm__ volatile("csrs %0, %1" ::"i"(csr), "r"(bits) : "memory"); }
IMPORT void w2c_hw_csrClear(HW, u32 csr, u64 bits) { __asm__ volatile("csrc %0, %1" ::"i"(csr), "r"(bits) : "memory"); }

// ---- SBI.
IMPORT u64 w2c_hw_ecall(HW, u64 extension, u64 function, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5) {
  register u64 a0 __asm__("a0") = x0;
  register u64 a1 __asm__("a1") = x1;
  register u64 a2 __asm__("a2") = x2;
  register u64 a3 __asm__("a3") = x3;
  register u64 a4 __asm__("a4") = x4;
  register u64 a5 __asm__("a5") = x5;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a6), "r"(a7) : "memory");
  BLOCK(BLOCK_SBIVALUE) = a1;
  return a0;
}
IMPORT void w2c_hw_ecallOnly(HW, u64 extension, u64 function, u64 x0, u64 x1, u64 x2, u64 x3) {
  register u64 a0 __asm__("a0") = x0;
  register u64 a1 __asm__("a1") = x1;
  register u64 a2 __asm__("a2") = x2;
  register u64 a3 __asm__("a3") = x3;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
}
IMPORT u64 w2c_hw_ecallValue(HW) { return BLOCK(BLOCK_SBIVALUE); }

// ---- Memory at any address.
#define ACCESS(bits)                                                                                   \
  IMPORT u64 w2c_hw_read##bits(HW, u64 gpa) { return *(volatile u##bits*)gpa; }                        \
  IMPORT void w2c_hw_write##bits(HW, u64 gpa, u64 value) { *(volatile u##bits*)gpa = (u##bits)value; }
ACCESS(8)
ACCESS(16)
ACCESS(32)
ACCESS(64)
IMPORT u64 w2c_hw_probe(HW, u32 kind, u64 a, u64 b) { return guest_probe(kind, a, b); }
IMPORT u64 w2c_hw_probeValue(HW) { return BLOCK(BLOCK_VALUE); }
IMPORT u64 w2c_hw_probeTval(HW) { return BLOCK(BLOCK_TVAL); }
static __attribute__((noinline, unused)) u64 execute(u32 word, u64 a0, u64 a1) {
  u64 length = (word & 3) == 3 ? 4 : 2;
  volatile u16* slot = (volatile u16*)guest_slot;
  for (u64 i = 0; i < SLOT_BYTES / 2; i++) slot[i] = 0x9002;
  slot[0] = (u16)word;
  if (length == 4) slot[1] = (u16)(word >> 16);
  __asm__ volatile("fence.i" ::: "memory");
  u64 cause = guest_probe(9, a0, a1);
  return cause == 3 && BLOCK(BLOCK_EPC) == (u64)guest_slot + length ? ~0ull : cause;
}
IMPORT u64 w2c_hw_execute(HW, u32 word, u64 a0, u64 a1) { return execute(word, a0, a1); }

// ---- Atomics on linear memory.
IMPORT u32 w2c_hw_atomicAdd(HW, u32 at, u32 value) { return __atomic_fetch_add((u32*)AT(at), value, __ATOMIC_SEQ_CST); }
IMPORT u32 w2c_hw_atomicSwap(HW, u32 at, u32 value) { return __atomic_exchange_n((u32*)AT(at), value, __ATOMIC_SEQ_CST); }
IMPORT u32 w2c_hw_atomicLoad(HW, u32 at) { return __atomic_load_n((u32*)AT(at), __ATOMIC_SEQ_CST); }
IMPORT void w2c_hw_atomicStore(HW, u32 at, u32 value) { __atomic_store_n((u32*)AT(at), value, __ATOMIC_SEQ_CST); }

// ---- The rest.
IMPORT u32 w2c_hw_hart(HW) { return (u32)BLOCK(BLOCK_HART); }
IMPORT u64 w2c_hw_linearToGpa(HW, u32 at) { return (u64)AT(at); }
IMPORT u64 w2c_hw_secondaryEntry(HW) { return (u64)guest_secondary_entry; }
IMPORT u64 w2c_hw_shortVector(HW) { return (u64)guest_short_vector; }
IMPORT u64 w2c_hw_scratch(HW) { return (u64)guest_scratch; }
IMPORT void w2c_hw_wfi(HW) { __asm__ volatile("wfi" ::: "memory"); }
IMPORT void w2c_hw_fence(HW) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }
IMPORT void w2c_hw_fenceI(HW) { __asm__ volatile("fence.i" ::: "memory"); }
IMPORT void w2c_hw_sfenceVma(HW) { __asm__ volatile("sfence.vma" ::: "memory"); }
IMPORT void w2c_hw_fpFill(HW, u64 seed) { guest_fp_fill(seed); }
IMPORT u64 w2c_hw_fpCheck(HW, u64 seed) { return guest_fp_check(seed); }
IMPORT u64 w2c_hw_fpAny(HW) { return guest_fp_any(); }
IMPORT void w2c_env_abort(struct w2c_env* env_unused, u32 message, u32 file, u32 line, u32 column);

#include GENERATED

static w2c_guest instance;
IMPORT void w2c_env_abort(struct w2c_env* env_unused, u32 message, u32 file, u32 line, u32 column) {
  w2c_guest_failed(&instance, line);
}
static void wasm_trap(u32 code) {
  w2c_guest_failed(&instance, 1000000 + code);
  for (;;) __asm__ volatile("wfi");
}
void guest_boot(u64 hart, u64 fdt) {
  init_globals(&instance);
#ifdef HAS_TABLES
  init_tables(&instance);
#endif
  init_memories(&instance);
#ifdef HAS_DATA
  init_data_instances(&instance);
#endif
  w2c_guest_main(&instance, hart, fdt);
}
void guest_secondary(u64 hart, u64 argument) { w2c_guest_secondary(&instance, hart, argument); }
void guest_interrupt(u64 cause, u64 value) { w2c_guest_interrupt(&instance, cause, value); }
