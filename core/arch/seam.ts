// SPDX-License-Identifier: Apache-2.0
// The one door between neutral code and an architecture. Every architecture folder defines this same set of names;
// the build picks one. Nothing outside core/arch imports anything else from core/arch.
export { Context, readRegister, writeRegister } from "./riscv64/context";
export { FaultFrame } from "./riscv64/fault";
/** Host timer and time: now(), setHostTimer(deadline), TIMER_OFF. */
export { now, setHostTimer, TIMER_OFF } from "./riscv64/timer";
/** Asks another hart to look at its queue and its vCPU's requests: kickHart(index). */
export { kickHart } from "./riscv64/ipi";
/** Host interrupt controllers, sources as the host tree numbers them. */
export {
  claimHostInterrupt,
  completeHostInterrupt,
  disableHostInterrupt,
  enableHostInterrupt,
  routeHostInterrupt,
} from "./riscv64/irq/host";
/** Firmware: a console of last resort, and the end of the machine. */
export { firmwarePut, firmwareTake, hostReset, hostShutdown } from "./riscv64/firmware";
/** The guest's interrupt controller: make one, drive a line, serve its registers, back to power-on. */
export { irqchipAccess, irqchipReset, newIrqchip, setLine } from "./riscv64/irq/line";
