// SPDX-License-Identifier: Apache-2.0
// The one Debian boot of the QEMU tests: an unmodified kernel with two vCPUs reaches userland and powers off.
import { buildInitramfs, getDebianFiles, GUEST_UP, guestBootargs, type GuestSpec, silentProgress } from "@typeone/host";
import type { Scenario } from "./scenario.ts";

/** Kernel and initramfs from Debian's packages (cached), as a guest that ends by itself. */
export async function debianGuest(name: string, mode: "poweroff" | "reboot", cpus: number): Promise<GuestSpec> {
  const files = await getDebianFiles({ progress: silentProgress });
  const ramdisk = await buildInitramfs(files.busybox);
  const bootargs = guestBootargs({ name, mode });
  return { name, memoryMiB: 256, cpus, kernel: files.kernel.path, ramdisk: ramdisk.path, bootargs };
}

export const debianScenario: Scenario = {
  name: "Debian to userland and off",
  guests: [],
  timeoutMs: 120_000,
  others: async () => [await debianGuest("debian", "poweroff", 2)],
  act: async ({ transcript, signal }) => {
    await transcript.until(() => transcript.of("debian").some((line) => line.includes(`${GUEST_UP} debian`)), signal);
    await transcript.until(() => /reboot: Power down|shut ?down|powered off/i.test(transcript.raw), signal);
  },
};
