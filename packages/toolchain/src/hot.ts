// SPDX-License-Identifier: Apache-2.0
// Which functions of the core run on nearly every exit. They are compiled for speed; everything else is marked cold:
// compiled for size, kept out of line, and the branches that lead there count as unlikely. Measured with
// `npm run bench -- exits` and `npm run size`.

/** Files (with a trailing slash) and single functions, by their TypeScript names. */
export const HOT: readonly string[] = [
  "core/main/trap",
  "core/guest/run/runHart",
  "core/guest/exit/",
  "core/host/hart/",
  "core/lib/lock/acquire",
  "core/lib/lock/release",
  "core/lib/ring/",
  "core/sched/sched/needsReschedule",
  "core/arch/riscv64/trap/handleExit",
  "core/arch/riscv64/context/",
  "core/arch/riscv64/timer/hostHasSstc",
  "core/arch/riscv64/vsbi/vsbi/sbiCall",
  "core/arch/riscv64/vsbi/base/sbiBase",
  "core/arch/riscv64/vsbi/time/sbiTime",
  "core/arch/riscv64/vsbi/ipi/sbiIpi",
  "core/arch/riscv64/vsbi/mask/",
  "core/arch/riscv64/vsbi/result/",
  "core/arch/riscv64/vsbi/rfence/sbiRfence",
  "core/arch/riscv64/vsbi/rfence/wraps",
  "core/arch/riscv64/vsbi/rfence/fenceHere",
  "core/arch/riscv64/vsbi/hsm/sbiHsm",
  "core/arch/riscv64/vsbi/hsm/hartStatus",
  "core/arch/riscv64/fault-guest/",
  "core/arch/riscv64/decode/",
  "core/arch/riscv64/quick-load/",
  "core/arch/riscv64/irq/line/",
  "core/arch/riscv64/irq/vplic/",
  "core/mmio/bus/",
  "core/mmio/region/",
  "core/mmio/events/moveLine",
  "core/dev/ns16550/",
  "core/dev/pci/window/pciWindowAccess",
  "core/dev/pci/window/answers",
  "core/dev/pci/function/enter",
  "core/dev/pci/function/leave",
  "core/dev/pci/function/configWord",
  "core/dev/pci/transport/virtioPciAccess",
  "core/dev/pci/message/pciMessage",
  "core/dev/pci/message/isMasked",
  "core/dev/pci/message/send",
  "core/dev/pci/intx/sendsMessages",
  // Not exits, but most of the boot: the host's tree is walked again and again.
  "core/fdt/walk/",
  "core/arch/riscv64/isa/",
];

/** Functions that stay functions: inlined, they would make the shortest exits save registers that only they need. */
const APART: readonly string[] = [
  "core/arch/riscv64/fault-guest/guestPageFault",
  "core/arch/riscv64/fault-guest/emulate",
  "core/arch/riscv64/vsbi/ipi/sbiIpi",
  "core/arch/riscv64/vsbi/rfence/sbiRfence",
  "core/arch/riscv64/vsbi/hsm/sbiHsm",
  "core/mmio/bus/busAccess",
  "core/arch/riscv64/fault-guest/slowFault",
  "core/arch/riscv64/vsbi/rfence/fenceOthers",
  "core/arch/riscv64/vsbi/hsm/hartStart",
  "core/arch/riscv64/vsbi/hsm/hartStop",
  "core/arch/riscv64/vsbi/hsm/hartSuspend",
  "core/main/boot",
  "core/guest/run/wake",
  "core/guest/run/attend",
  "core/guest/run/next",
  "core/guest/run/choose",
  "core/arch/riscv64/trap/otherExit",
  "core/arch/riscv64/switch/armClock",
  "core/arch/riscv64/vsbi/vsbi/rareCall",
  "core/arch/riscv64/vsbi/base/rareBase",
];

/** Short ones that belong into their callers whatever the compiler thinks. */
const INLINE: readonly string[] = [
  "core/guest/exit/countExit",
  "core/guest/exit/countCall",
  "core/guest/exit/remember",
  "core/guest/run/runHart",
  "core/host/hart/",
  "core/sched/sched/needsReschedule",
  "core/arch/riscv64/trap/handleExit",
  "core/arch/riscv64/vsbi/vsbi/sbiCall",
  "core/arch/riscv64/vsbi/result/",
  "core/arch/riscv64/vsbi/mask/vcpuMask",
  "core/arch/riscv64/irq/vplic/readWord",
  "core/arch/riscv64/quick-load/",
  "core/fdt/format/be32",
  "std/string/String#charCodeAt",
  "std/polyfills/bswap<u32>",
];

function isIn(list: readonly string[], typeScriptName: string): boolean {
  return list.some((entry) => (entry.endsWith("/") ? typeScriptName.startsWith(entry) : typeScriptName === entry));
}

/** The C attribute of a function of the core. */
export function temperature(typeScriptName: string): string {
  if (isIn(INLINE, typeScriptName)) return "__attribute__((always_inline)) inline";
  const attributes = [
    ...(isIn(APART, typeScriptName) ? ["noinline"] : []),
    ...(isIn(HOT, typeScriptName) ? [] : ["cold"]),
  ];
  return attributes.length ? `__attribute__((${attributes.join(", ")}))` : "";
}
