// SPDX-License-Identifier: Apache-2.0
// Disks and network interfaces of guests, any that can be said, for properties.
import fc from "fast-check";
import type { GuestDiskInput, GuestNetworkInput } from "../src/schema.ts";

export const anyDisk = fc.record<GuestDiskInput & object, "from" | "serial">(
  {
    from: fc.constantFrom("data", "disk1", { file: "./x.img" }, { size: "8MiB" }),
    slice: fc.record({ first: fc.constantFrom(0, 2048, "1MiB"), sectors: fc.constantFrom(1, "64KiB") }),
    readOnly: fc.boolean(),
    overlay: fc.constant("1MiB"),
    serial: fc.stringMatching(/^[a-z0-9]{1,20}$/),
    queues: fc.integer({ min: 1, max: 8 }),
    rate: fc.constantFrom(1, "10MB/s"),
    iops: fc.integer({ min: 1, max: 1e9 }),
    bus: fc.constantFrom("pci", "mmio"),
  },
  { requiredKeys: ["from", "serial"] },
) as fc.Arbitrary<Exclude<GuestDiskInput, string>>;

export const anyNet: fc.Arbitrary<GuestNetworkInput> = fc.record(
  {
    network: fc.constantFrom("lan", "wan"),
    mac: fc.constantFrom("52:54:00:00:00:01", "52-54-00-AB-cd-02"),
    vlan: fc.integer({ min: 1, max: 4094 }),
    rate: fc.constantFrom(125_000, "1Mbit/s"),
    isolated: fc.boolean(),
    mtu: fc.integer({ min: 68, max: 9000 }),
    queues: fc.integer({ min: 1, max: 4 }),
    bus: fc.constantFrom("pci" as const, "mmio" as const),
  },
  { requiredKeys: ["network"] },
);
