// SPDX-License-Identifier: Apache-2.0
// Specifications as data for Node: the same constants that core/ has as generated AssemblyScript.
// Used by the simulator, tests and tools: `import { csr, sbi, dev, irq, trace } from "@typeone/spec"`, then `csr.HSTATUS_SPV`.
// 64-bit constants are bigints, 32-bit ones numbers.
import { values } from "./row.ts";
import * as csrTables from "./tables/csr.ts";
import * as deviceTables from "./tables/devices.ts";
import * as fieldTables from "./tables/fields.ts";
import * as hostVirtioTables from "./tables/host-virtio.ts";
import * as irqTables from "./tables/irqchips.ts";
import * as sbiTables from "./tables/sbi.ts";
import * as traceTables from "./tables/trace.ts";

/** CSR numbers, fields, causes, interrupt numbers, page-table entries. */
export const csr = {
  ...values(csrTables.userCsrs),
  ...values(csrTables.supervisorCsrs),
  ...values(csrTables.hypervisorCsrs),
  ...values(csrTables.virtualSupervisorCsrs),
  ...values(fieldTables.status),
  ...values(fieldTables.hstatus),
  ...values(fieldTables.envcfg),
  ...values(fieldTables.stateen),
  ...values(fieldTables.counters),
  ...values(fieldTables.translation),
  ...values(fieldTables.pte),
  ...values(fieldTables.interrupts),
  ...values(fieldTables.interruptBits),
  ...values(fieldTables.causes),
  ...values(fieldTables.htinst),
  ...values(fieldTables.hvictl),
} as const;

/** SBI extensions, functions, errors and states. */
export const sbi = {
  ...values(sbiTables.errors),
  ...values(sbiTables.extensions),
  ...values(sbiTables.base),
  ...values(sbiTables.timer),
  ...values(sbiTables.ipi),
  ...values(sbiTables.rfence),
  ...values(sbiTables.hsm),
  ...values(sbiTables.srst),
  ...values(sbiTables.dbcn),
  ...values(sbiTables.susp),
  ...values(sbiTables.sta),
} as const;

/** Registers of the 16550 UART and of the Goldfish RTC, and VirtIO. */
export const dev = {
  ...values(deviceTables.uart),
  ...values(deviceTables.rtc),
  ...values(deviceTables.virtioMmio),
  ...values(deviceTables.virtio),
} as const;

/** PCI functions, and VirtIO devices as their driver sees them. */
export const hostVirtio = {
  ...values(hostVirtioTables.pciFunction),
  ...values(hostVirtioTables.pciBridge),
  ...values(hostVirtioTables.virtioPci),
  ...values(hostVirtioTables.virtioDriver),
  ...values(hostVirtioTables.virtioBlock),
  ...values(hostVirtioTables.virtioNet),
} as const;

/** Registers of PLIC, APLIC and IMSIC. */
export const irq = {
  ...values(irqTables.plic),
  ...values(irqTables.aplic),
  ...values(irqTables.aplicFields),
  ...values(irqTables.imsic),
} as const;

/** Records of the trace, their kinds, and the kinds of exits. */
export const trace = {
  ...values(traceTables.traceRecord),
  ...values(traceTables.traceKinds),
  ...values(traceTables.traceWho),
  ...values(traceTables.traceLines),
  ...values(traceTables.exitKinds),
} as const;

export type { Group, Row, RowType, Values } from "./row.ts";
