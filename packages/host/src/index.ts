// SPDX-License-Identifier: Apache-2.0
// What the workstation needs to get parts and to drive QEMU.
export { StepError, lastLines, messageOf } from "./errors.ts";
export { BUILD_DIR, CACHE_DIR, REPO_ROOT } from "./paths.ts";
export { createProgress, formatBytes, formatSeconds, inStep, silentProgress } from "./progress.ts";
export type { Progress, Step } from "./progress.ts";
export { findProgram, run } from "./run.ts";
export type { RunOptions, RunResult } from "./run.ts";
export { cachedDebianFiles, getDebianFiles } from "./provision/debian.ts";
export type { DebianFile, DebianFiles } from "./provision/debian.ts";
export { GUEST_UP, buildInitramfs, guestBootargs } from "./provision/initramfs.ts";
export type { GuestBootargs, GuestMode } from "./provision/initramfs.ts";
export { debianRelease } from "./provision/release.ts";
export { checkTools, ensureTools, installAdvice } from "./provision/tools.ts";
export type { ToolStatus } from "./provision/tools.ts";
export { bareBoot, bareBootArgs } from "./qemu/bare-boot.ts";
export type { BareBootOptions } from "./qemu/bare-boot.ts";
export { bootTypeOne, composeBoot } from "./qemu/boot-image.ts";
export type { BootImage, BootImageOptions } from "./qemu/boot-image.ts";
export { Console, ConsoleError } from "./qemu/console.ts";
export type { WaitOptions } from "./qemu/console.ts";
export type { GuestSpec } from "./qemu/dom0less.ts";
export { dumpHostTree, findQemu, launch } from "./qemu/launch.ts";
export type { MachineExit, RunningMachine } from "./qemu/launch.ts";
export { AIA_MODES, CPU_MODELS, DEFAULT_MACHINE, loaderArgs, machineArgs } from "./qemu/machine.ts";
export type { AiaMode, CpuModel, MachineOptions } from "./qemu/machine.ts";
export { Monitor } from "./qemu/monitor.ts";
export { placeGuests } from "./qemu/placement.ts";
export type { GuestPlacement, Module, Placement } from "./qemu/placement.ts";
