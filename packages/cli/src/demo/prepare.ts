// SPDX-License-Identifier: Apache-2.0
// Everything before the boot: tools, Debian's parts, the hypervisor, the boot image. Each step is shown with its time; on
// a second run each finds its work done. Called by the demo's interactive and check forms. Where the guests' files are is
// the plan's choice: a Debian on a disk (disk-guests.ts), or a small initramfs in memory (here).
import type { FdtTree } from "@typeone/fdt";
import {
  type BootImage,
  type GuestSpec,
  type MachineOptions,
  type Progress,
  StepError,
  buildInitramfs,
  composeBoot,
  ensureTools,
  formatBytes,
  getDebianFiles,
  guestBootargs,
  inStep,
  messageOf,
} from "@typeone/host";
import { diskGuests } from "./disk-guests.ts";

export interface DemoPlan {
  readonly machine: MachineOptions;
  readonly guests: readonly string[];
  readonly vcpus: number;
  readonly guestMemoryMiB: number;
  readonly log: "quiet" | "normal";
  readonly seed: "random" | "fixed";
  readonly terminal?: { readonly rows: number; readonly columns: number };
  /** "disk": Debian under systemd from a VirtIO disk, with a network; "memory": its kernel with an initramfs. */
  readonly root: "disk" | "memory";
}

/** How a guest is reached from this machine. */
export interface Reach {
  readonly guest: string;
  readonly port: number;
  /** Address on the guests' network. */
  readonly address: string;
  readonly keyFile: string;
}

export interface PreparedDemo {
  readonly image: BootImage;
  readonly reach?: Reach;
  readonly guests: readonly GuestSpec[];
  readonly kernelVersion: string;
}

/** What the two kinds of guests have in common. */
export interface Parts {
  readonly guests: readonly GuestSpec[];
  readonly kernelVersion: string;
  readonly machine: MachineOptions;
  readonly reach?: Reach;
  readonly editTree?: (tree: FdtTree) => void;
}

export const GUEST_NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"] as const;

async function build(progress: Progress): Promise<string> {
  const title = "build the hypervisor";
  return inStep(progress, title, async (step) => {
    try {
      // Loaded only here: the compiler is large, and most of what the CLI does needs none.
      const { buildHypervisor } = await import("@typeone/toolchain");
      const { elf } = await buildHypervisor();
      step.done(elf.replace(/^.*\/(build\/)/, "$1"));
      return elf;
    } catch (error) {
      throw new StepError({ step: title, why: messageOf(error) });
    }
  });
}

async function memoryGuests(plan: DemoPlan, progress: Progress): Promise<Parts> {
  const debian = await getDebianFiles({ progress });
  if (debian.fromCache)
    progress.note(`✓ Debian kernel ${debian.kernel.version}, busybox ${debian.busybox.version} (cached)`);
  const ramdisk = await inStep(progress, "build the initramfs", async (step) => {
    const built = await buildInitramfs(debian.busybox);
    step.done(formatBytes(built.bytes));
    return built.path;
  });
  const guests = plan.guests.map((name): GuestSpec => ({
    name,
    memoryMiB: plan.guestMemoryMiB,
    cpus: plan.vcpus,
    kernel: debian.kernel.path,
    ramdisk,
    bootargs: guestBootargs({ name, log: plan.log, ...(plan.terminal ? { terminal: plan.terminal } : {}) }),
  }));
  return { guests, kernelVersion: debian.kernel.version, machine: plan.machine };
}

export async function prepareDemo(plan: DemoPlan, progress: Progress): Promise<PreparedDemo> {
  await ensureTools(progress);
  const parts = await (plan.root === "disk" ? diskGuests : memoryGuests)(plan, progress);
  const { guests, kernelVersion, machine, reach, editTree } = parts;
  const hypervisor = await build(progress);
  const image = await inStep(progress, "compose the boot image", async (step) => {
    const more = editTree ? { editTree } : {};
    const composed = await composeBoot({ machine, guests, hypervisor, seed: plan.seed, ...more });
    step.done(`${guests.length} guests of ${plan.guestMemoryMiB} MiB on a host of ${plan.machine.memoryMiB} MiB`);
    return composed;
  });
  return { image, guests, kernelVersion, ...(reach ? { reach } : {}) };
}
