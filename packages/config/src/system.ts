// SPDX-License-Identifier: Apache-2.0
// A system as the rest of the toolstack sees it: checked, with all defaults, absolute file names and bytes. Made by
// load.ts from what systemSchema accepted.
import path from "node:path";
import type { z } from "zod";
import {
  type Action,
  type AIA,
  type CPUS,
  DEBIAN,
  type guestSchema,
  type hostSchema,
  type INTERRUPTS,
  type MACHINES,
  MAX_HARTS,
  type Policy,
} from "./schema.ts";
import {
  type Consoles,
  type GuestDisk,
  type GuestNetwork,
  type HostDisk,
  type Network,
  type OnBus,
  present,
  toConsoles,
  toGuestDisk,
  toGuestNetwork,
  toOnBus,
} from "./devices/devices.ts";
import { resolveHarts } from "./units.ts";

export interface Host {
  readonly machine: (typeof MACHINES)[number];
  readonly harts: number;
  readonly memoryBytes: number;
  readonly aia: (typeof AIA)[number];
  readonly cpu: (typeof CPUS)[number];
  readonly sstc: boolean;
  readonly policy?: Policy;
  readonly sliceUs?: number;
}

export interface Guest {
  readonly name: string;
  /** An absolute file name, or "debian": the project's own. */
  readonly kernel: string;
  readonly ramdisk?: string;
  /** An absolute file name, .dtb or .dts. */
  readonly deviceTree?: string;
  readonly bootargs?: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly maxVcpus: number;
  /** Indexes of harts; absent: all. */
  readonly affinity?: readonly number[];
  readonly policy?: Policy;
  readonly priority?: number;
  readonly weight?: number;
  readonly sliceUs?: number;
  readonly periodUs?: number;
  readonly budgetUs?: number;
  /** false: any host memory; true: a range of its own, chosen for it; a number: the host address of that range. */
  readonly staticMemory: boolean | number;
  /** Absent: none. */
  readonly disks?: readonly GuestDisk[];
  readonly networks?: readonly GuestNetwork[];
  readonly consoles?: Consoles;
  readonly rng?: OnBus;
  readonly balloon?: OnBus;
  readonly interrupts?: (typeof INTERRUPTS)[number];
  /** PCI slots for devices that come later. */
  readonly hotplug?: number;
  readonly onCrash: Action;
  readonly onReboot: Action;
  readonly onPoweroff: Action;
  readonly restartLimit: number;
  readonly autostart: boolean;
}

export interface System {
  /** The file it came from, absolute. */
  readonly file: string;
  readonly host: Host;
  /** Absent: none. */
  readonly disks?: readonly HostDisk[];
  readonly networks?: readonly Network[];
  readonly guests: readonly Guest[];
}

export function toHost({ memory, ...rest }: z.output<typeof hostSchema>): Host {
  return present({ ...rest, memoryBytes: memory }) as Host;
}

/** `folder`: what relative file names start from. `host`: where the guest is to run, if that is known. */
export function toGuest(guest: z.output<typeof guestSchema>, folder: string, host?: Host): Guest {
  const { memory, affinity, maxVcpus, kernel, ramdisk, deviceTree, disks, networks, ...rest } = guest;
  const locate = (name: string | undefined): string | undefined =>
    name === undefined || name === DEBIAN ? name : path.resolve(folder, name);
  return present({
    ...rest,
    $schema: undefined,
    kernel: locate(kernel),
    ramdisk: locate(ramdisk),
    deviceTree: deviceTree === undefined ? undefined : path.resolve(folder, deviceTree),
    memoryBytes: memory,
    disks: disks?.length ? disks.map((disk) => toGuestDisk(disk, folder)) : undefined,
    networks: networks?.length ? networks.map(toGuestNetwork) : undefined,
    consoles: toConsoles(guest.consoles),
    rng: toOnBus(guest.rng),
    balloon: toOnBus(guest.balloon),
    hotplug: guest.hotplug || undefined,
    maxVcpus: Math.max(maxVcpus ?? guest.vcpus, guest.vcpus),
    affinity: resolveHarts(affinity, host?.harts ?? MAX_HARTS),
    // Said with the guest, so that it also holds for one that is created at run time, away from /chosen.
    policy: guest.policy ?? host?.policy,
  }) as Guest;
}
