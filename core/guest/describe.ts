// SPDX-License-Identifier: Apache-2.0
// Reads what a guest is to be from a node in the form of Xen's dom0less boot, with `typeone,*` for what Xen has no name
// for: under /chosen of the host's tree, or the root of a tree that the toolstack sent. Checks everything that can be
// checked without taking anything. Boot, and worker context with the creation lock held.
// Binding: compatible = "xen,domain"; memory (KiB, u64); cpus; modules "multiboot,kernel", "multiboot,ramdisk",
// "multiboot,device-tree" with reg (not in a tree that was sent: its modules are blobs); bootargs in the kernel's node.
import { messagesPossible } from "../arch/seam";
import { MAX_VCPUS, NAME_LENGTH } from "../limits";
import { Status } from "../lib/status";
import {
  fdtChild,
  fdtCompatible,
  fdtEquals,
  fdtHas,
  fdtLength,
  fdtName,
  fdtParent,
  fdtNameLength,
  fdtProperty,
  FdtRange,
  fdtReg,
  fdtSibling,
  fdtStringLength,
  fdtU32,
  fdtU64,
  fdtCell,
} from "../fdt/read";
import { POLICY_MONOTONIC, POLICY_PINNED, POLICY_PRIORITY } from "../sched/entity";
import {
  Description,
  END_DESTROY,
  END_PRESERVE,
  END_RESTART,
  INTERRUPTS_AIA,
  INTERRUPTS_PLIC,
  Module,
} from "./description";
import { describeDevices } from "./devices/node";
import { refuse } from "./refusal";

export const LEAST_MEMORY: u64 = 0x20_0000;
export const MOST_MEMORY: u64 = 0x100_0000_0000;
const NORMAL_RESTARTS: u32 = 10;

// @lock creation
const scratch: usize = memory.data(16, 8);

/** Bytes of a description with its modules. */
export const DESCRIPTION_BYTES: usize = offsetof<Description>() + 8 + 3 * offsetof<Module>();

/** An empty description over DESCRIPTION_BYTES bytes. */
export function clearDescription(at: usize): Description {
  memory.fill(at, 0, DESCRIPTION_BYTES);
  const description = changetype<Description>(at);
  const modules = (at + offsetof<Description>() + 7) & ~7;
  description.kernel = changetype<Module>(modules);
  description.ramdisk = changetype<Module>(modules + offsetof<Module>());
  description.tree = changetype<Module>(modules + 2 * offsetof<Module>());
  return description;
}

/** Fills the description from a domain's node. On a failure refusal.ts has the reason in words. */
export function describeGuest(fdt: usize, node: usize, into: Description): i32 {
  const memoryKiB = fdtU64(fdt, node, "memory", 0);
  into.memory = memoryKiB << 10;
  into.cpus = fdtU32(fdt, node, "cpus", 1);
  into.maxCpus = max<u32>(into.cpus, fdtU32(fdt, node, "typeone,max-cpus", into.cpus));
  readName(fdt, node, into);
  if (into.nameLength == 0) return refuse(Status.Invalid, "it has no name of letters, digits, '-', '_' and '.'");
  if (memoryKiB > MOST_MEMORY >> 10 || into.memory < LEAST_MEMORY || into.memory & 0xfff)
    return refuse(Status.Range, "memory must be 2048 KiB to 1 TiB, in whole pages");
  if (into.cpus == 0 || into.maxCpus > MAX_VCPUS)
    return refuse(Status.Limit, "cpus and typeone,max-cpus must be 1 to 8");
  let status = readStaticMemory(fdt, node, into);
  if (status != Status.Ok) return status;
  into.selfTest = fdtHas(fdt, node, "typeone,self-test") ? 1 : 0;
  status = readInterrupts(fdt, node, into);
  if (status != Status.Ok) return status;
  readScheduling(fdt, node, into);
  into.onCrash = endOf(fdt, node, "typeone,on-crash", END_PRESERVE);
  into.onReboot = endOf(fdt, node, "typeone,on-reboot", END_RESTART);
  into.onPoweroff = endOf(fdt, node, "typeone,on-poweroff", END_PRESERVE);
  into.restartLimit = fdtU32(fdt, node, "typeone,restart-limit", NORMAL_RESTARTS);
  const found = readModules(fdt, node, into);
  return found == Status.Ok ? describeDevices(fdt, node, into) : found;
}

/** `typeone,interrupts`; absent: as the host and the guest's devices suggest. */
function readInterrupts(fdt: usize, node: usize, into: Description): i32 {
  const given = fdtHas(fdt, node, "typeone,interrupts");
  if (fdtEquals(fdt, node, "typeone,interrupts", "plic")) into.interrupts = INTERRUPTS_PLIC;
  if (fdtEquals(fdt, node, "typeone,interrupts", "aia")) into.interrupts = INTERRUPTS_AIA;
  if (given && !into.interrupts) return refuse(Status.Invalid, 'typeone,interrupts must be "plic" or "aia"');
  if (into.interrupts != INTERRUPTS_AIA || messagesPossible()) return Status.Ok;
  return refuse(Status.Unsupported, 'typeone,interrupts is "aia", but this host\'s harts have no Ssaia: use "plic"');
}

function endOf(fdt: usize, node: usize, property: string, absent: u32): u32 {
  if (!fdtHas(fdt, node, property)) return absent;
  if (fdtEquals(fdt, node, property, "restart")) return END_RESTART;
  if (fdtEquals(fdt, node, property, "destroy")) return END_DESTROY;
  return fdtEquals(fdt, node, property, "preserve") ? END_PRESERVE : absent;
}

/** `typeone,name`, else the node's own name with its unit address; only what a terminal can show and a command line can hold. */
function readName(fdt: usize, node: usize, into: Description): void {
  const given = fdtProperty(fdt, node, "typeone,name");
  into.name = given ? given : fdtName(node);
  const length = given ? fdtStringLength(given) : fdtNameLength(node);
  into.nameLength = 0;
  while (into.nameLength < min(length, NAME_LENGTH - 1) && isNameByte(load<u8>(into.name + into.nameLength)))
    into.nameLength += 1;
}

function isNameByte(byte: u32): bool {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte == 0x2d ||
    byte == 0x5f ||
    byte == 0x2e ||
    byte == 0x40
  );
}

/** `xen,static-mem`: address and size, two cells each. */
function readStaticMemory(fdt: usize, node: usize, into: Description): i32 {
  const data = fdtProperty(fdt, node, "xen,static-mem");
  into.staticHpa = 0;
  if (!data) return Status.Ok;
  if (fdtLength(data) != 16)
    return refuse(Status.Malformed, "xen,static-mem must be one address and one size of two cells each");
  into.staticHpa = ((<u64>fdtCell(data, 0)) << 32) | fdtCell(data, 1);
  const size = ((<u64>fdtCell(data, 2)) << 32) | fdtCell(data, 3);
  if (into.staticHpa & 0x1f_ffff || into.staticHpa == 0)
    return refuse(Status.Invalid, "xen,static-mem must begin at a multiple of 2 MiB");
  if (size < into.memory) return refuse(Status.Range, "xen,static-mem is smaller than memory");
  return Status.Ok;
}

/** `typeone,policy` of a node, `absent` if it names none. */
function policyOf(fdt: usize, node: usize, absent: u32): u32 {
  if (!fdtHas(fdt, node, "typeone,policy")) return absent;
  if (fdtEquals(fdt, node, "typeone,policy", "priority")) return POLICY_PRIORITY;
  if (fdtEquals(fdt, node, "typeone,policy", "rate-monotonic")) return POLICY_MONOTONIC;
  return fdtEquals(fdt, node, "typeone,policy", "pinned") ? POLICY_PINNED : absent;
}

/** The guest's own properties; its policy may also stand in /chosen, for all guests of this host. */
function readScheduling(fdt: usize, node: usize, into: Description): void {
  const parent = fdtParent(fdt, node);
  into.policy = policyOf(fdt, node, parent ? policyOf(fdt, parent, POLICY_PRIORITY) : POLICY_PRIORITY);
  into.priority = min<u32>(fdtU32(fdt, node, "typeone,priority", 3), 7);
  into.weight = max<u32>(1, min<u32>(fdtU32(fdt, node, "typeone,weight", 256), 10000));
  into.slice = fdtU64(fdt, node, "typeone,slice-us", 0);
  into.period = fdtU64(fdt, node, "typeone,period-us", 0);
  into.budget = fdtU64(fdt, node, "typeone,budget-us", 0);
  into.affinity = fdtU64(fdt, node, "typeone,affinity", 0);
}

function readModules(fdt: usize, node: usize, into: Description): i32 {
  for (let child = fdtChild(node); child; child = fdtSibling(child)) {
    let status: i32 = Status.Ok;
    // What was sent names its modules as blobs; an address in it is not for the sender to choose.
    const sent = into.sent;
    if (fdtCompatible(fdt, child, "multiboot,kernel") || fdtCompatible(fdt, child, "xen,linux-zimage")) {
      if (!sent) status = readModule(fdt, child, into.kernel);
      const bootargs = fdtProperty(fdt, child, "bootargs");
      into.bootargs = bootargs;
      into.bootargsLength = bootargs ? fdtStringLength(bootargs) : 0;
    } else if (fdtCompatible(fdt, child, "multiboot,ramdisk") || fdtCompatible(fdt, child, "xen,linux-initrd")) {
      if (!sent) status = readModule(fdt, child, into.ramdisk);
    } else if (fdtCompatible(fdt, child, "multiboot,device-tree")) {
      if (!sent) status = readModule(fdt, child, into.tree);
    }
    if (status != Status.Ok) return refuse(status, "a module's reg must be one address and one size");
  }
  if (into.kernel.size == 0) return refuse(Status.NotFound, "it has no multiboot,kernel module");
  return Status.Ok;
}

function readModule(fdt: usize, node: usize, into: Module): i32 {
  const range = changetype<FdtRange>(scratch);
  const status = fdtReg(fdt, node, 0, range);
  if (status != Status.Ok) return status;
  if (range.size == 0 || range.size > MOST_MEMORY) return Status.Range;
  into.hpa = range.base;
  into.size = range.size;
  into.preloaded = fdtHas(fdt, node, "typeone,preloaded") ? 1 : 0;
  return Status.Ok;
}
