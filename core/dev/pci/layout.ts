// SPDX-License-Identifier: Apache-2.0
// Where a guest's PCI is, the same places as QEMU's `virt` board, and where VirtIO's structures are in a function's BARs.

/** Configuration spaces: 1 MiB a bus, 32 KiB a device, 4 KiB a function. */
export const PCI_CONFIG_BASE: u64 = 0x3000_0000;
export const PCI_CONFIG_BUS: u64 = 0x10_0000;
/** Where a guest puts its functions' registers. */
export const PCI_WINDOW_BASE: u64 = 0x4000_0000;
export const PCI_WINDOW_SIZE: u64 = 0x4000_0000;
/** INTA to INTD of slot 0. */
export const PCI_LINE: u32 = 32;

// ---- BAR 0: VirtIO's structures, a page each
export const COMMON_OFFSET: u32 = 0;
export const ISR_OFFSET: u32 = 0x1000;
export const DEVICE_OFFSET: u32 = 0x2000;
export const NOTIFY_OFFSET: u32 = 0x3000;
export const REGISTERS_BYTES: u32 = 0x4000;
/** Bytes between two queues' doorbells. */
export const NOTIFY_STRIDE: u32 = 4;

// ---- BAR 2: MSI-X
export const PBA_OFFSET: u32 = 0x800;
export const TABLE_BYTES: u32 = 0x1000;
