// SPDX-License-Identifier: Apache-2.0
// The Debian boots of the QEMU tests: an unmodified kernel with two vCPUs reaches userland and powers off, whichever way
// it is scheduled.
import { type FdtTree, u64 } from "@typeone/fdt";
import { buildInitramfs, getDebianFiles, GUEST_UP, guestBootargs, type GuestSpec, silentProgress } from "@typeone/host";
import type { Scenario } from "./scenario.ts";

/** Kernel and initramfs from Debian's packages (cached), as a guest that ends by itself. */
export async function debianGuest(name: string, mode: "poweroff" | "reboot", cpus: number): Promise<GuestSpec> {
  const files = await getDebianFiles({ progress: silentProgress });
  const ramdisk = await buildInitramfs(files.busybox);
  const bootargs = guestBootargs({ name, mode });
  return { name, memoryMiB: 256, cpus, kernel: files.kernel.path, ramdisk: ramdisk.path, bootargs };
}

const act: Scenario["act"] = async ({ transcript, signal }) => {
  await transcript.until(() => transcript.of("debian").some((line) => line.includes(`${GUEST_UP} debian`)), signal);
  await transcript.until(() => /reboot: Power down|shut ?down|powered off/i.test(transcript.raw), signal);
};

/** With the host's policy in /chosen, and what each guest needs for it. */
function under(policy: string, guests: Readonly<Record<string, Record<string, string | Uint8Array>>>) {
  return (tree: FdtTree): void => {
    tree.ensure("/chosen").set("typeone,policy", policy);
    for (const [name, properties] of Object.entries(guests)) tree.ensure(`/chosen/guest-${name}`).assign(properties);
  };
}

const periodic = (budgetUs: number) => ({ "typeone,period-us": u64(20_000), "typeone,budget-us": u64(budgetUs) });

const common = {
  timeoutMs: 120_000,
  others: async () => [await debianGuest("debian", "poweroff", 2)],
  act,
} as const;

export const debianScenarios: readonly Scenario[] = [
  { name: "Debian to userland and off", guests: [], ...common },
  {
    name: "Debian on harts of its own",
    guests: [{ payload: "heartbeat" }],
    machine: { harts: 3 },
    editTree: under("pinned", { heartbeat: { "typeone,policy": "priority" } }),
    ...common,
  },
  {
    name: "Debian with a budget",
    guests: [{ payload: "heartbeat" }],
    editTree: under("rate-monotonic", { heartbeat: periodic(4000), debian: periodic(14_000) }),
    ...common,
  },
];
