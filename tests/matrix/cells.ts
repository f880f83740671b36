// SPDX-License-Identifier: Apache-2.0
// The test matrix as data: on which machines the Debian guest must boot and power off, and the three special cases.
import { DEFAULT_MACHINE, type AiaMode, type CpuModel, type MachineOptions } from "@typeone/host";

export interface Cell {
  readonly name: string;
  readonly machine: MachineOptions;
  /** Guests and their vCPUs; each has 256 MiB. */
  readonly guests: number;
  readonly cpus: number;
  /** The guest reboots this often (free memory must stay what it was) instead of powering off. */
  readonly reboots?: number;
}

const HARTS = [1, 2, 4, 8] as const;
const CONTROLLERS: readonly (readonly [string, AiaMode])[] = [
  ["plic", "none"],
  ["aplic", "aplic"],
  ["aplic-imsic", "aplic-imsic"],
];
const TIMERS = ["on", "off"] as const;
const CPUS: readonly CpuModel[] = ["rv64", "max"];
/** A guest has no more vCPUs than this here, so that eight harts do not mean eight times the work. */
const MAX_VCPUS = 4;

function grid(): Cell[] {
  const cells: Cell[] = [];
  for (const cpu of CPUS)
    for (const [controller, aia] of CONTROLLERS)
      for (const sstc of TIMERS)
        for (const harts of HARTS)
          cells.push({
            name: `${harts} hart${harts === 1 ? "" : "s"} ${controller} ${sstc === "on" ? "sstc" : "no-sstc"} ${cpu}`,
            machine: { ...DEFAULT_MACHINE, harts, aia, sstc, cpu },
            guests: 1,
            cpus: Math.min(harts, MAX_VCPUS),
          });
  return cells;
}

/** Below 1.5 GiB a guest and its kernel's copies still fit: 1 GiB is the smallest host that is promised. */
const memory = [1, 3, 6].map((gib): Cell => ({
  name: `host memory ${gib} GiB`,
  machine: { ...DEFAULT_MACHINE, memoryMiB: gib * 1024 },
  guests: 1,
  cpus: 2,
}));

export const CELLS: readonly Cell[] = [
  ...grid(),
  ...memory,
  {
    name: "four 2-vCPU guests on two harts",
    machine: { ...DEFAULT_MACHINE, harts: 2, memoryMiB: 3072 },
    guests: 4,
    cpus: 2,
  },
  { name: "20 reboots", machine: { ...DEFAULT_MACHINE, harts: 2 }, guests: 1, cpus: 2, reboots: 20 },
];
