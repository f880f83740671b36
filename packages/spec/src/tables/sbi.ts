// SPDX-License-Identifier: Apache-2.0
// RISC-V Supervisor Binary Interface: extensions, functions, errors and states (SBI 2.0; later identifiers from 3.0).
// Read by the generator (core/arch/riscv64/sbi-spec.ts) and by packages that need the values in Node. Data only.
import { group, i64, mask, plain } from "../row.ts";

export const errors = group("Errors (sbi §3.2)", {
  SBI_SUCCESS: i64(0, "Completed"),
  SBI_ERR_FAILED: i64(-1, "Failed"),
  SBI_ERR_NOT_SUPPORTED: i64(-2, "Not supported"),
  SBI_ERR_INVALID_PARAM: i64(-3, "Invalid parameter"),
  SBI_ERR_DENIED: i64(-4, "Denied or not allowed"),
  SBI_ERR_INVALID_ADDRESS: i64(-5, "Invalid address"),
  SBI_ERR_ALREADY_AVAILABLE: i64(-6, "Already available"),
  SBI_ERR_ALREADY_STARTED: i64(-7, "Already started"),
  SBI_ERR_ALREADY_STOPPED: i64(-8, "Already stopped"),
  SBI_ERR_NO_SHMEM: i64(-9, "Shared memory not available"),
  SBI_ERR_INVALID_STATE: i64(-10, "Invalid state"),
  SBI_ERR_BAD_RANGE: i64(-11, "Bad or invalid range"),
  SBI_ERR_TIMEOUT: i64(-12, "Timeout (sbi 3.0)"),
  SBI_ERR_IO: i64(-13, "Input or output error (sbi 3.0)"),
  SBI_ERR_DENIED_LOCKED: i64(-14, "Denied, feature locked (sbi 3.0)"),
});

export const extensions = group("Extensions", {
  SBI_EXT_0_1_SET_TIMER: mask(0x0n, "Legacy set timer. sbi §5.1"),
  SBI_EXT_0_1_CONSOLE_PUTCHAR: mask(0x1n, "Legacy console output. sbi §5.2"),
  SBI_EXT_0_1_CONSOLE_GETCHAR: mask(0x2n, "Legacy console input. sbi §5.3"),
  SBI_EXT_0_1_CLEAR_IPI: mask(0x3n, "Legacy clear IPI. sbi §5.4"),
  SBI_EXT_0_1_SEND_IPI: mask(0x4n, "Legacy send IPI. sbi §5.5"),
  SBI_EXT_0_1_REMOTE_FENCE_I: mask(0x5n, "Legacy remote fence.i. sbi §5.6"),
  SBI_EXT_0_1_REMOTE_SFENCE_VMA: mask(0x6n, "Legacy remote sfence.vma. sbi §5.7"),
  SBI_EXT_0_1_REMOTE_SFENCE_VMA_ASID: mask(0x7n, "Legacy remote sfence.vma with ASID. sbi §5.8"),
  SBI_EXT_0_1_SHUTDOWN: mask(0x8n, "Legacy shutdown. sbi §5.9"),
  SBI_EXT_BASE: mask(0x10n, "Base. sbi §4"),
  SBI_EXT_TIME: mask(0x54494d45n, "Timer. sbi §6"),
  SBI_EXT_IPI: mask(0x735049n, "Inter-processor interrupts. sbi §7"),
  SBI_EXT_RFENCE: mask(0x52464e43n, "Remote fences. sbi §8"),
  SBI_EXT_HSM: mask(0x48534dn, "Hart state management. sbi §9"),
  SBI_EXT_SRST: mask(0x53525354n, "System reset. sbi §10"),
  SBI_EXT_PMU: mask(0x504d55n, "Performance monitoring. sbi §11"),
  SBI_EXT_DBCN: mask(0x4442434en, "Debug console. sbi §12"),
  SBI_EXT_SUSP: mask(0x53555350n, "System suspend. sbi §13"),
  SBI_EXT_CPPC: mask(0x43505043n, "Collaborative processor performance control. sbi §14"),
  SBI_EXT_NACL: mask(0x4e41434cn, "Nested acceleration. sbi §15"),
  SBI_EXT_STA: mask(0x535441n, "Steal-time accounting. sbi §16"),
  SBI_EXT_SSE: mask(0x535345n, "Supervisor software events. sbi 3.0 §17"),
  SBI_EXT_FWFT: mask(0x46574654n, "Firmware features. sbi 3.0 §18"),
  SBI_EXT_DBTR: mask(0x44425452n, "Debug triggers. sbi 3.0 §19"),
  SBI_EXT_MPXY: mask(0x4d505859n, "Message proxy. sbi 3.0 §20"),
  SBI_EXT_EXPERIMENTAL_START: mask(0x08000000n, "First experimental extension. sbi §17"),
  SBI_EXT_VENDOR_START: mask(0x09000000n, "First vendor extension. sbi §17"),
  SBI_EXT_FIRMWARE_START: mask(0x0a000000n, "First firmware-specific extension. sbi §17"),
});

export const base = group("Base (sbi §4)", {
  SBI_BASE_GET_SPEC_VERSION: plain(0, "Specification version"),
  SBI_BASE_GET_IMP_ID: plain(1, "Implementation number"),
  SBI_BASE_GET_IMP_VERSION: plain(2, "Implementation version"),
  SBI_BASE_PROBE_EXT: plain(3, "Is an extension there"),
  SBI_BASE_GET_MVENDORID: plain(4, "mvendorid"),
  SBI_BASE_GET_MARCHID: plain(5, "marchid"),
  SBI_BASE_GET_MIMPID: plain(6, "mimpid"),
  SBI_SPEC_VERSION_MAJOR_SHIFT: plain(24, "Position of the major version"),
  SBI_SPEC_VERSION_MINOR_MASK: mask(0xffffffn, "Minor version"),
  SBI_SPEC_VERSION_2_0: mask(0x02000000n, "Version 2.0"),
});

export const timer = group("Timer (sbi §6)", {
  SBI_TIME_SET_TIMER: plain(0, "Programs the next timer event; all ones means none"),
});

export const ipi = group("Inter-processor interrupts (sbi §7)", {
  SBI_IPI_SEND_IPI: plain(0, "Sends to a mask of harts"),
  SBI_HART_MASK_BASE_ALL: mask(0xffffffffffffffffn, "hart_mask_base that means every hart. sbi §3.1"),
});

export const rfence = group("Remote fences (sbi §8)", {
  SBI_RFENCE_FENCE_I: plain(0, "fence.i"),
  SBI_RFENCE_SFENCE_VMA: plain(1, "sfence.vma of a range, every ASID"),
  SBI_RFENCE_SFENCE_VMA_ASID: plain(2, "sfence.vma of a range, one ASID"),
  SBI_RFENCE_HFENCE_GVMA_VMID: plain(3, "hfence.gvma of a range, one VMID"),
  SBI_RFENCE_HFENCE_GVMA: plain(4, "hfence.gvma of a range, every VMID"),
  SBI_RFENCE_HFENCE_VVMA_ASID: plain(5, "hfence.vvma of a range, one ASID"),
  SBI_RFENCE_HFENCE_VVMA: plain(6, "hfence.vvma of a range, every ASID"),
});

export const hsm = group("Hart state management (sbi §9)", {
  SBI_HSM_HART_START: plain(0, "Starts a stopped hart"),
  SBI_HSM_HART_STOP: plain(1, "Stops the calling hart"),
  SBI_HSM_HART_GET_STATUS: plain(2, "State of a hart"),
  SBI_HSM_HART_SUSPEND: plain(3, "Suspends the calling hart"),
  SBI_HSM_STATE_STARTED: plain(0, "Running"),
  SBI_HSM_STATE_STOPPED: plain(1, "Stopped"),
  SBI_HSM_STATE_START_PENDING: plain(2, "On its way to started"),
  SBI_HSM_STATE_STOP_PENDING: plain(3, "On its way to stopped"),
  SBI_HSM_STATE_SUSPENDED: plain(4, "Suspended"),
  SBI_HSM_STATE_SUSPEND_PENDING: plain(5, "On its way to suspended"),
  SBI_HSM_STATE_RESUME_PENDING: plain(6, "On its way from suspended to started"),
  SBI_HSM_SUSPEND_RET_DEFAULT: mask(0x00000000n, "Default retentive suspend"),
  SBI_HSM_SUSPEND_RET_PLATFORM: mask(0x10000000n, "First platform retentive type"),
  SBI_HSM_SUSPEND_RET_LAST: mask(0x7fffffffn, "Last platform retentive type"),
  SBI_HSM_SUSPEND_NON_RET_DEFAULT: mask(0x80000000n, "Default non-retentive suspend"),
  SBI_HSM_SUSPEND_NON_RET_PLATFORM: mask(0x90000000n, "First platform non-retentive type"),
  SBI_HSM_SUSPEND_NON_RET_LAST: mask(0xffffffffn, "Last platform non-retentive type"),
});

export const srst = group("System reset (sbi §10)", {
  SBI_SRST_SYSTEM_RESET: plain(0, "Resets the system"),
  SBI_SRST_TYPE_SHUTDOWN: mask(0n, "Power off"),
  SBI_SRST_TYPE_COLD_REBOOT: mask(1n, "Power cycle"),
  SBI_SRST_TYPE_WARM_REBOOT: mask(2n, "Restart of the processors"),
  SBI_SRST_TYPE_VENDOR_START: mask(0xf0000000n, "First vendor or platform type"),
  SBI_SRST_REASON_NONE: mask(0n, "No reason"),
  SBI_SRST_REASON_SYSTEM_FAILURE: mask(1n, "System failure"),
  SBI_SRST_REASON_SBI_START: mask(0xe0000000n, "First reason of an SBI implementation"),
  SBI_SRST_REASON_VENDOR_START: mask(0xf0000000n, "First vendor or platform reason"),
});

export const dbcn = group("Debug console (sbi §12)", {
  SBI_DBCN_CONSOLE_WRITE: plain(0, "Writes bytes from memory"),
  SBI_DBCN_CONSOLE_READ: plain(1, "Reads bytes into memory, does not wait"),
  SBI_DBCN_CONSOLE_WRITE_BYTE: plain(2, "Writes one byte"),
});

export const susp = group("System suspend (sbi §13)", {
  SBI_SUSP_SYSTEM_SUSPEND: plain(0, "Suspends the system"),
  SBI_SUSP_SLEEP_TYPE_SUSPEND_TO_RAM: mask(0n, "Suspend to RAM"),
});

export const sta = group("Steal-time accounting (sbi §16)", {
  SBI_STA_SET_SHMEM: plain(0, "Registers the shared record; all ones removes it"),
});

export const sbiGroups = [errors, extensions, base, timer, ipi, rfence, hsm, srst, dbcn, susp, sta] as const;
