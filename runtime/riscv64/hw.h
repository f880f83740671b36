// SPDX-License-Identifier: Apache-2.0
// core/hw.ts on the metal: each import is one static inline that costs what its instruction costs.
// Accesses that may fault carry a row in .fixups; trap_entry then skips that one instruction.
#pragma once
#define IMPORT(type, name, ...) \
  static inline __attribute__((always_inline)) type w2c_hw_##name(struct w2c_hw* _unused __VA_OPT__(, ) __VA_ARGS__)
#define FIXUP ".pushsection .fixups, \"a\"\n.quad 1b\n.popsection\n"
#define LINEAR(pointer) ((void*)AT(pointer))

// ---- Control and status registers
IMPORT(u64, csrRead, u32 csr) {
  u64 value;
  __asm__ volatile("csrr %0, %1" : "=r"(value) : "i"(csr) : "memory");
  return value;
}
IMPORT(void, csrWrite, u32 csr, u64 value) { __asm__ volatile("csrw %0, %1" : : "i"(csr), "rJ"(value) : "memory"); }
IMPORT(void, csrSet, u32 csr, u64 bits) { __asm__ volatile("csrs %0, %1" : : "i"(csr), "rJ"(bits) : "memory"); }
IMPORT(void, csrClear, u32 csr, u64 bits) { __asm__ volatile("csrc %0, %1" : : "i"(csr), "rJ"(bits) : "memory"); }
IMPORT(u64, csrSwap, u32 csr, u64 value) {
  u64 before;
  __asm__ volatile("csrrw %0, %1, %2" : "=r"(before) : "i"(csr), "rJ"(value) : "memory");
  return before;
}
IMPORT(u64, csrProbe, u32 csr, u64 absent) {
  u64 value = absent;
  __asm__ volatile("1: csrr %0, %1\n" FIXUP : "+r"(value) : "i"(csr) : "memory");
  return value;
}

// ---- This hart
IMPORT(u32, hart) { return (u32)this_hart(); }
extern char trap_entry[], traced_entry[];
IMPORT(void, setHart, u32 record, u32 index) {
  __asm__ volatile("mv tp, %0" : : "r"((u64)record));
  *(volatile u64*)(AT(record) + HART_STACK_TOP) = STACKS_VA + (u64)STACK_STRIDE * index + STACK_TOP;
  *(volatile u32*)(AT(record) + HART_INDEX) = index;
  __asm__ volatile("csrw stvec, %0" : : "r"(trap_entry) : "memory");
}
IMPORT(void, noteExits, u32 on) {
  __asm__ volatile("csrw stvec, %0" : : "r"(on ? traced_entry : trap_entry) : "memory");
}
IMPORT(void, park) {
  __asm__ volatile("csrw sie, zero" ::: "memory");
  for (;;) __asm__ volatile("wfi");
}

// ---- Order and translation
IMPORT(void, fence) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }
IMPORT(void, fenceInstructions) { __asm__ volatile("fence.i" ::: "memory"); }
// hfence.gvma is funct7 0x31 (rs1 = gpa >> 2, rs2 = vmid); hfence.vvma is funct7 0x11 (rs1 = gva, rs2 = asid).
IMPORT(void, fenceStage2, u32 vmid) { __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, %0" : : "r"((u64)vmid) : "memory"); }
IMPORT(void, fenceStage2All) { __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory"); }
IMPORT(void, fenceGuestPage, u64 gva, u64 asid) {
  if ((s64)asid < 0) __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" : : "r"(gva) : "memory");
  else __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" : : "r"(gva), "r"(asid) : "memory");
}
IMPORT(void, fenceGuest, u64 asid) {
  if ((s64)asid < 0) __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
  else __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" : : "r"(asid) : "memory");
}

// ---- Device windows
#define DEVICE(type, hva) (*(volatile type*)(hva))
IMPORT(u32, mmioRead8, u64 hva) { return DEVICE(u8, hva); }
IMPORT(u32, mmioRead16, u64 hva) { return DEVICE(u16, hva); }
IMPORT(u32, mmioRead32, u64 hva) { return DEVICE(u32, hva); }
IMPORT(void, mmioWrite8, u64 hva, u32 value) { DEVICE(u8, hva) = (u8)value; }
IMPORT(void, mmioWrite16, u64 hva, u32 value) { DEVICE(u16, hva) = (u16)value; }
IMPORT(void, mmioWrite32, u64 hva, u32 value) { DEVICE(u32, hva) = value; }
IMPORT(u64, mapDevice, u64 hpa, u64 size) { return map_device(hpa, size); }

// ---- Memory outside the linear memory
IMPORT(u64, linearBase) { return image.hpa + (u64)(_linear - _image_start) - LINEAR_START; }
IMPORT(u64, imageStart) { return image.hpa; }
IMPORT(u64, imageEnd) { return w2c_hw_linearBase(_unused) + image.linear_end; }
IMPORT(u32, extendLinear, u32 bytes) { return extend_linear(bytes); }
IMPORT(void, copyIn, u32 to, u64 hpa, u32 length) { copy_in(hpa, LINEAR(to), length); }
IMPORT(void, copyOut, u64 hpa, u32 from, u32 length) { copy_out(hpa, LINEAR(from), length); }
IMPORT(void, copyAcross, u64 to, u64 from, u64 length) { copy_across(to, from, length); }
IMPORT(void, clear, u64 hpa, u64 length) { through_window(hpa, 0, length, CLEAR_HOST); }
// hlvx.hu: a fetch with the guest's translation and permissions. A fault in it overwrites the exit's status, so keep that.
IMPORT(u32, fetchGuestParcel, u64 gva) {
  u64 parcel = 0x10000, hstatus, sstatus;
  __asm__ volatile(
      "csrr %1, hstatus\ncsrr %2, sstatus\n"
      "1: .insn r 0x73, 4, 0x32, %0, %3, x3\n" FIXUP
      "csrw hstatus, %1\ncsrw sstatus, %2\n"
      : "+&r"(parcel), "=&r"(hstatus), "=&r"(sstatus)
      : "r"(gva)
      : "memory");
  return (u32)parcel;
}

// ---- Atomics
#define ATOMIC(name, operation)                                                                          \
  IMPORT(u32, name, u32 at, u32 value) {                                                                 \
    u32 before;                                                                                          \
    __asm__ volatile(operation ".aqrl %0, %2, %1" : "=r"(before), "+A"(*(u32*)LINEAR(at)) : "r"(value) : "memory"); \
    return before;                                                                                       \
  }
ATOMIC(atomicOr, "amoor.w")
ATOMIC(atomicAnd, "amoand.w")
ATOMIC(atomicAdd, "amoadd.w")
ATOMIC(atomicSwap, "amoswap.w")
IMPORT(u32, atomicCompareSwap, u32 at, u32 expected, u32 value) {
  __atomic_compare_exchange_n((u32*)LINEAR(at), &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return expected;
}
IMPORT(u32, atomicLoad, u32 at) {
  __asm__ volatile("" ::: "memory");
  return *(volatile u32*)LINEAR(at);
}

// ---- Firmware
IMPORT(u64, sbi, u32 extension, u32 function, u64 a0, u64 a1, u64 a2) {
  register u64 r0 __asm__("a0") = a0;
  register u64 r1 __asm__("a1") = a1;
  register u64 r2 __asm__("a2") = a2;
  register u64 r3 __asm__("a3") = 0;
  register u64 r4 __asm__("a4") = 0;
  register u64 r6 __asm__("a6") = function;
  register u64 r7 __asm__("a7") = (u64)(s64)(s32)extension;
  __asm__ volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r3), "r"(r4), "r"(r6), "r"(r7) : "memory");
  HART_FIELD(u64, HART_SBI_VALUE) = r1;
  return r0;
}
extern char secondary_entry[];
IMPORT(u64, secondaryEntry) { return image.hpa + (u64)(secondary_entry - _image_start); }

// ---- Floating point
void fp_save(void* registers);
void fp_restore(const void* registers);
IMPORT(void, fpSave, u32 to) { fp_save(LINEAR(to)); }
IMPORT(void, fpRestore, u32 from) { fp_restore(LINEAR(from)); }

// ---- Last words
IMPORT(u32, backtrace, u32 to, u32 max, u64 stack) { return backtrace_from(stack, LINEAR(to), max); }
IMPORT(u32, symbolName, u64 pc, u32 to, u32 max) { return symbol_name(pc, LINEAR(to), max); }
IMPORT(u32, buildId, u32 to, u32 max) {
  u32 length = sizeof BUILD_ID - 1 < max ? sizeof BUILD_ID - 1 : max;
  copy_bytes(LINEAR(to), BUILD_ID, length);
  return length;
}
