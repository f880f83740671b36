// SPDX-License-Identifier: Apache-2.0
// The one door between neutral code and an architecture. Every architecture folder defines this same set of names;
// the build picks one. Nothing outside core/arch imports anything else from core/arch.
export { Context, readRegister, writeRegister } from "./riscv64/context";
export { stateRegister, stateRegisterName } from "./riscv64/state-registers";
export { FaultFrame } from "./riscv64/fault";
/** Host timer and time: now(), setHostTimer(deadline), TIMER_OFF. */
export { now, setHostTimer, TIMER_OFF } from "./riscv64/timer";
/** Asks another hart to look at its queue and its vCPU's requests: kickHart(index). */
export { fenceHarts, kickHart } from "./riscv64/ipi";
/** Host interrupt controllers, sources as the host tree numbers them. */
export {
  allocateHostMessage,
  claimHostInterrupt,
  completeHostInterrupt,
  disableHostInterrupt,
  enableHostInterrupt,
  HostMessage,
  hostIrqName,
  routeHostInterrupt,
} from "./riscv64/irq/host";
/** Firmware: a console of last resort, and the end of the machine. */
export { firmwarePut, firmwareTake, hostReset, hostShutdown } from "./riscv64/firmware";
/** The guest's interrupt controller: room for one, make one, drive a line, serve its registers, back to power-on. */
export {
  defaultInterrupts,
  irqchipAccess,
  irqchipPeek,
  initIrqchip,
  irqchipReset,
  makeIrqchip,
  messagesPossible,
  newIrqchip,
  putInterrupt,
  setLine,
} from "./riscv64/irq/line";
/** Messages of a guest's devices (MSI) into its interrupt files, and what its vCPUs write there: guestMessage(guest, gpa, data). */
export { aplicRegister, fileRegister, guestMessage, mapMessages } from "./riscv64/irq/messages";
/** Hardware that takes a guest's messages while its vCPU is on a hart: brought before it is entered, given back to harts that ask. */
export { bringInterrupts, serveInterrupts } from "./riscv64/irq/files";
/** Exits and the change of vCPUs (guest/run.ts). */
export { handleExit } from "./riscv64/trap";
export { pendingInterrupts } from "./riscv64/interrupt";
export { loadVcpu, unloadVcpu } from "./riscv64/switch";
export { initContext, startHart, updateWaitTrap } from "./riscv64/start";
/** Interrupts and requests into vCPUs. */
export {
  applyRequests,
  interruptLines,
  interruptPending,
  linesRaised,
  vcpuRequest,
  vcpuTimerExpired,
} from "./riscv64/inject";
/** Stage 2. */
export { addTables, mapStage2, newRoot, stage2Levels, tablesFree, tablesTotal, unmapStage2 } from "./riscv64/stage2";
export { vmidGeneration } from "./riscv64/vmid";
/** Host facts and per-hart set-up. */
export { architectureName, probeHost, setUpHart, timebaseFrequency } from "./riscv64/host";
export { setHostIsa } from "./riscv64/isa";
export { setUpInterrupts } from "./riscv64/irq/setup";
export { hostIrqInitHart } from "./riscv64/irq/host";
/** The processor's part of a guest's tree. */
export {
  IRQCHIP_PHANDLE,
  MSI_PHANDLE,
  writeCpus,
  writeInterruptController,
  writeRandomSeed,
} from "./riscv64/guest-tree";
/** A fault of the hypervisor in words. */
export {
  describeCause,
  faultRegister,
  faultRegisterCount,
  faultRegisterName,
  isFailedCheck,
  reportStatus,
} from "./riscv64/fault-report";
