// SPDX-License-Identifier: Apache-2.0
// Reads guests from the host's tree: nodes under /chosen in the form of Xen's dom0less boot, with `typeone,*` for what
// Xen has no name for. Checks everything that can be checked without taking anything. Boot context.
// Binding: compatible = "xen,domain"; memory (KiB, u64); cpus; modules "multiboot,kernel", "multiboot,ramdisk",
// "multiboot,device-tree" with reg; bootargs in the kernel's node.
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
import { allocate } from "../mem/arena";
import { POLICY_MONOTONIC, POLICY_PINNED, POLICY_PRIORITY } from "../sched/entity";
import { Description, Module } from "./description";

export const LEAST_MEMORY: u64 = 0x20_0000;
export const MOST_MEMORY: u64 = 0x100_0000_0000;

// @lock none: boot, then the lifecycle worker alone.
const scratch: usize = memory.data(16, 8);

/** A description with room for its modules; a null pointer when memory is used up. */
export function newDescription(): Description {
  const at = allocate(offsetof<Description>() + 8 + 3 * offsetof<Module>());
  const description = changetype<Description>(at);
  if (!at) return description;
  const modules = (at + offsetof<Description>() + 7) & ~7;
  description.kernel = changetype<Module>(modules);
  description.ramdisk = changetype<Module>(modules + offsetof<Module>());
  description.tree = changetype<Module>(modules + 2 * offsetof<Module>());
  return description;
}

/** Fills the description from a domain's node. On a failure `describeProblem` says in words what is wrong. */
export function describeGuest(fdt: usize, node: usize, into: Description): i32 {
  problem = "";
  into.memory = fdtU64(fdt, node, "memory", 0) << 10;
  into.cpus = fdtU32(fdt, node, "cpus", 1);
  readName(fdt, node, into);
  if (into.memory < LEAST_MEMORY || into.memory > MOST_MEMORY || into.memory & 0xfff)
    return refuse("memory must be 2048 KiB to 1 TiB, in whole pages", Status.Range);
  if (into.cpus == 0 || into.cpus > MAX_VCPUS) return refuse("cpus must be 1 to 8", Status.Range);
  const status = readStaticMemory(fdt, node, into);
  if (status != Status.Ok) return status;
  into.selfTest = fdtHas(fdt, node, "typeone,self-test") ? 1 : 0;
  readScheduling(fdt, node, into);
  return readModules(fdt, node, into);
}

// @lock per boot
let problem: string = "";

/** What was wrong with the last node that describeGuest refused. */
export function describeProblem(): string {
  return problem;
}

function refuse(text: string, status: i32): i32 {
  problem = text;
  return status;
}

/** `typeone,name`, else the node's own name; only what a terminal can show and a command line can hold. */
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
    byte == 0x2e
  );
}

/** `xen,static-mem`: address and size, two cells each. */
function readStaticMemory(fdt: usize, node: usize, into: Description): i32 {
  const data = fdtProperty(fdt, node, "xen,static-mem");
  into.staticHpa = 0;
  if (!data) return Status.Ok;
  if (fdtLength(data) != 16)
    return refuse("xen,static-mem must be one address and one size of two cells each", Status.Malformed);
  into.staticHpa = ((<u64>fdtCell(data, 0)) << 32) | fdtCell(data, 1);
  const size = ((<u64>fdtCell(data, 2)) << 32) | fdtCell(data, 3);
  if (into.staticHpa & 0x1f_ffff || into.staticHpa == 0)
    return refuse("xen,static-mem must begin at a multiple of 2 MiB", Status.Invalid);
  if (size < into.memory) return refuse("xen,static-mem is smaller than memory", Status.Range);
  return Status.Ok;
}

/** `typeone,policy` of a node, `absent` if it names none. */
function policyOf(fdt: usize, node: usize, absent: u32): u32 {
  if (fdtEquals(fdt, node, "typeone,policy", "priority")) return POLICY_PRIORITY;
  if (fdtEquals(fdt, node, "typeone,policy", "rate-monotonic")) return POLICY_MONOTONIC;
  return fdtEquals(fdt, node, "typeone,policy", "pinned") ? POLICY_PINNED : absent;
}

/** The guest's own properties; its policy may also stand in /chosen, for all guests of this host. */
function readScheduling(fdt: usize, node: usize, into: Description): void {
  into.policy = policyOf(fdt, node, policyOf(fdt, fdtParent(fdt, node), POLICY_PRIORITY));
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
    if (fdtCompatible(fdt, child, "multiboot,kernel") || fdtCompatible(fdt, child, "xen,linux-zimage")) {
      status = readModule(fdt, child, into.kernel);
      const bootargs = fdtProperty(fdt, child, "bootargs");
      into.bootargs = bootargs;
      into.bootargsLength = bootargs ? fdtStringLength(bootargs) : 0;
    } else if (fdtCompatible(fdt, child, "multiboot,ramdisk") || fdtCompatible(fdt, child, "xen,linux-initrd")) {
      status = readModule(fdt, child, into.ramdisk);
    } else if (fdtCompatible(fdt, child, "multiboot,device-tree")) {
      status = readModule(fdt, child, into.tree);
    }
    if (status != Status.Ok) return refuse("a module's reg must be one address and one size", status);
  }
  if (into.kernel.size == 0) return refuse("it has no multiboot,kernel module", Status.NotFound);
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
