// SPDX-License-Identifier: Apache-2.0
// The simulated machine and what tests need to write guests for it.
export { loadUnit } from "./unit.ts";
export type { Imports, UnitModule } from "./unit.ts";
export { Machine } from "./machine.ts";
export type { RunLimits, RunReason } from "./machine.ts";
export type { Aia, DomainOptions, MachineOptions } from "./options.ts";
export { loadCore } from "./core-module.ts";
export { CoreFault, MachinePanic, Violation } from "./faults.ts";
export { CAUSE, CSR, EID, SBI } from "./csr.ts";
export { Cpu, enableInterrupts, GuestState, program, quietInterrupt, SLOT, useTraps } from "./guest/cpu.ts";
export type { InterruptHandler, Program, ProgramParts } from "./guest/cpu.ts";
export * from "./guest/ops.ts";
export { entryWord, kernelImage } from "./guest/encode.ts";
export { decodeHgatp, readStage2, walkStage2 } from "./stage2.ts";
export { HostVirtioConsole } from "./devices/virtio-console.ts";
export { HostVirtioBlock } from "./devices/virtio-block.ts";
export { HostVirtioNet } from "./devices/virtio-net.ts";
export type { DeviceMemory, Nonsense } from "./devices/virtio-device.ts";
export { Ram } from "./ram.ts";
export { seededRandom } from "./random.ts";
export type { Random } from "./random.ts";
export type { SimHart } from "./sim-hart.ts";
export { TIMEBASE } from "./host-tree.ts";
export { HartModel, percent } from "./hart-model.ts";
export type { EntityFields } from "./hart-model.ts";
export { Interleaver } from "./interleave.ts";
export type { Task, Value } from "./interleave.ts";
export { checkPlaces, HartRace, numbers } from "./hart-race.ts";
