// SPDX-License-Identifier: Apache-2.0
// Places the modules of the dom0less domains in host RAM and describes them under /chosen, as a boot loader would.
import { type FdtTree, node, u64 } from "@typeone/fdt";
import { GuestState } from "./guest/cpu.ts";
import { kernelImage } from "./guest/encode.ts";
import type { RoutineEntry } from "./guest/step.ts";
import type { DomainOptions, FullOptions } from "./options.ts";
import type { Ram } from "./ram.ts";

export interface PlacedModule {
  readonly hpa: number;
  readonly size: number;
}

export interface PlacedDomains {
  readonly guests: readonly GuestState[];
  readonly routines: readonly RoutineEntry[];
  readonly modules: readonly PlacedModule[];
}

/** First host-physical address for modules, relative to the start of RAM. */
const MODULES = 0x4000000;

/** Puts every domain's modules into RAM and its node into the tree. */
export function placeDomains(options: FullOptions, ram: Ram, tree: FdtTree): PlacedDomains {
  const guests: GuestState[] = [];
  const routines: RoutineEntry[] = [];
  const modules: PlacedModule[] = [];
  let next = options.ramBase + MODULES;
  const place = (bytes: Uint8Array): PlacedModule => {
    const module = { hpa: next, size: bytes.length };
    ram.write(next, bytes);
    modules.push(module);
    next += Math.ceil(Math.max(bytes.length, 1) / 0x1000) * 0x1000;
    return module;
  };
  const chosen = tree.ensure("/chosen");
  if (options.domains.length > 0) chosen.assign({ "#address-cells": 2, "#size-cells": 2 });
  for (const domain of options.domains) {
    const program = domain.kernel instanceof Uint8Array ? { routines: [] } : domain.kernel;
    const guest = new GuestState(domain.name, program);
    guests.push(guest);
    const first = routines.length;
    program.routines.forEach((routine, slot) => routines.push({ guest, slot, routine }));
    const form = domain.bss === undefined ? {} : { bss: domain.bss };
    const kernel =
      domain.kernel instanceof Uint8Array ? domain.kernel : kernelImage(first, program.routines.length, form);
    chosen.add(domainNode(domain, kernel, place));
  }
  return { guests, routines, modules };
}

function domainNode(domain: DomainOptions, kernel: Uint8Array, place: (bytes: Uint8Array) => PlacedModule) {
  const made = node(`guest-${domain.name}`, {
    compatible: "xen,domain",
    "#address-cells": 2,
    "#size-cells": 2,
    memory: BigInt(domain.memoryKiB),
    cpus: domain.cpus,
    "typeone,name": domain.name,
  });
  if (domain.staticMemory) made.set("xen,static-mem", u64(domain.staticMemory.hpa, domain.staticMemory.size));
  made.assign(domain.properties ?? {});
  const module = (kind: string, bytes: Uint8Array, bootargs?: string): void => {
    const { hpa, size } = place(bytes);
    made.add(
      node(`module@${hpa.toString(16)}`, {
        compatible: [`multiboot,${kind}`, "multiboot,module"],
        reg: u64(hpa, size),
        bootargs,
      }),
    );
  };
  module("kernel", kernel, domain.bootargs ?? "console=ttyS0");
  if (domain.ramdisk) module("ramdisk", domain.ramdisk);
  if (domain.dtb) module("device-tree", domain.dtb);
  domain.devices?.forEach((properties, i) => made.add(node(`device@${i}`, { ...properties })));
  return made;
}
