// SPDX-License-Identifier: Apache-2.0
// Boots a kernel and initramfs straight under QEMU and OpenSBI, without TypeOne: the control that every measurement and
// every "does the guest itself work" question is held against.
import { type RunningMachine, launch } from "./launch.ts";
import { type MachineOptions, machineArgs } from "./machine.ts";

export interface BareBootOptions {
  readonly machine: MachineOptions;
  readonly kernel: string;
  readonly ramdisk?: string;
  readonly bootargs: string;
}

export function bareBootArgs(options: BareBootOptions): string[] {
  const ramdisk = options.ramdisk ? ["-initrd", options.ramdisk] : [];
  return [...machineArgs(options.machine), "-kernel", options.kernel, ...ramdisk, "-append", options.bootargs];
}

export function bareBoot(options: BareBootOptions): Promise<RunningMachine> {
  return launch(bareBootArgs(options));
}
