// SPDX-License-Identifier: Apache-2.0
// What a guest was told to be, read from one `xen,domain` node. Kept for the guest's whole life: a restart reads it
// again. Text lies in the host's tree, which stays in linear memory. Plain data.

/** A boot module: a piece of host memory with something for the guest in it. */
@unmanaged
export class Module {
  hpa: u64 = 0;
  /** 0: there is no such module. */
  size: u64 = 0;
  /** 1: a copy already lies at its place in the guest's static memory; the first start copies nothing. */
  preloaded: u32 = 0;
  pad: u32 = 0;
}

@unmanaged
export class Description {
  /** Linear address and length of the name; not NUL-terminated, already found printable. */
  name: usize = 0;
  nameLength: u32 = 0;
  cpus: u32 = 0;
  pad: u32 = 0;
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
  pad2: u32 = 0;
  policy: u32 = 0;
  priority: u32 = 0;
  weight: u32 = 0;
  /** Microseconds; 0 means the default. */
  slice: u64 = 0;
  period: u64 = 0;
  budget: u64 = 0;
  /** Bit per hart index; 0 means any. */
  affinity: u64 = 0;
}
