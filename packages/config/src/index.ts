// SPDX-License-Identifier: Apache-2.0
// System descriptions: read from any format, checked, compiled to the device-tree form that the hypervisor reads.
export { compileGuest, compileGuestDts, compileSystem, compileSystemDts } from "./compile.ts";
export { fillChosen, guestProperties, guestSpec, hostProperties, machineOptions } from "./compile.ts";
export { compileDevice, deviceNodes, diskProperties, networkProperties } from "./devices/compile.ts";
export type { DeviceNode, Properties } from "./devices/compile.ts";
export { dataFolder, diskSettings, toGuestDisk, toGuestNetwork, writes } from "./devices/devices.ts";
export type * from "./devices/devices.ts";
export { readGuestDisk, readGuestNetwork } from "./devices/read-one.ts";
export type { Asker, ReadOne } from "./devices/read-one.ts";
export { guestDiskSchema, guestNetworkSchema } from "./devices/schema.ts";
export type { GuestFiles } from "./compile.ts";
export { defineGuest, defineSystem } from "./define.ts";
export { DEFAULT_FILES, loadGuest, loadSystem } from "./load.ts";
export type { LoadedGuest, LoadedSystem, LoadOptions } from "./load.ts";
export { formatProblem, formatProblems, hasErrors, sortProblems } from "./problem.ts";
export type { FormatOptions, Problem, Severity } from "./problem.ts";
export { DEBIAN, guestSchema, hostSchema, jsonSchema, MAX_GUESTS, MAX_VCPUS, systemSchema } from "./schema.ts";
export type { Action, GuestInput, HostInput, Policy, SystemInput } from "./schema.ts";
export type { Guest, Host, System } from "./system.ts";
export { formatSize, isFault, parseHarts, parseRate, parseSize } from "./units.ts";
export type { Fault } from "./units.ts";
