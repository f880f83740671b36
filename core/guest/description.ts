// SPDX-License-Identifier: Apache-2.0
// What a guest was told to be, read from one `xen,domain` node. Kept for the guest's whole life: a restart reads it
// again. Its text lies where the node is: in the host's tree, or in the slot's copy of what the toolstack sent. Plain data.

/** A boot module: a piece of host memory with something for the guest in it. */
@unmanaged
export class Module {
  hpa: u64 = 0;
  /** 0: there is no such module. */
  size: u64 = 0;
  /** 1: a copy already lies at its place in the guest's static memory; the first start copies nothing. */
  preloaded: u32 = 0;
  /** The blob that holds it, 0 if it came with the host's tree. */
  blob: u32 = 0;
}

// ---- What becomes of a guest that ends
export const END_PRESERVE: u32 = 0;
export const END_RESTART: u32 = 1;
export const END_DESTROY: u32 = 2;

// ---- Interrupt controllers
/** It did not say: defaultInterrupts() chooses. */
export const INTERRUPTS_DEFAULT: u32 = 0;
/** Wires to one controller that every vCPU asks. */
export const INTERRUPTS_PLIC: u32 = 1;
/** Messages into an interrupt file of each vCPU. */
export const INTERRUPTS_AIA: u32 = 2;

@unmanaged
export class Description {
  /** Linear address and length of the name; not NUL-terminated, already found printable. */
  name: usize = 0;
  nameLength: u32 = 0;
  /** vCPUs that it may start at first, and that it has. */
  cpus: u32 = 0;
  maxCpus: u32 = 0;
  memory: u64 = 0;
  /** hpa of RAM that is fixed by `xen,static-mem`, 0 if any will do. */
  staticHpa: u64 = 0;
  kernel: Module = changetype<Module>(0);
  ramdisk: Module = changetype<Module>(0);
  tree: Module = changetype<Module>(0);
  /** Linear address and length of the command line. */
  bootargs: usize = 0;
  bootargsLength: u32 = 0;
  /** 1: the guest may make the hypervisor fault on its account (self-test.ts). */
  selfTest: u32 = 0;
  policy: u32 = 0;
  priority: u32 = 0;
  weight: u32 = 0;
  /** 1: a toolstack sent it, so its modules are blobs and nothing else. */
  sent: u32 = 0;
  /** Microseconds; 0 means the default. */
  slice: u64 = 0;
  period: u64 = 0;
  budget: u64 = 0;
  /** Bit per hart index; 0 means any. */
  affinity: u64 = 0;
  /** END_* after a crash, its own reboot, its own power-off. */
  onCrash: u32 = 0;
  onReboot: u32 = 0;
  onPoweroff: u32 = 0;
  /** VirtIO devices among its child nodes, how many of them on MMIO, and empty slots for more at run time. */
  deviceCount: u32 = 0;
  mmio: u32 = 0;
  hotplug: u32 = 0;
  /** 1: it has a PCI host bridge. */
  pci: u32 = 0;
  /** INTERRUPTS_*. */
  interrupts: u32 = 0;
  interruptsPad: u32 = 0;
  /** While it is being made: the node it was read from. */
  fdt: usize = 0;
  node: usize = 0;
  /** Restarts of its own doing, none of which ran for a quiet minute, before it stays down; 0: no limit. */
  restartLimit: u32 = 0;
}
