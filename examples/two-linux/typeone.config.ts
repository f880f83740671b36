// SPDX-License-Identifier: Apache-2.0
// Two Debian guests beside each other on QEMU's virt machine. Run it with: typeone run examples/two-linux
import { defineSystem } from "@typeone/config";

const debian = { kernel: "debian", ramdisk: "debian", memory: "256MiB" };

export default defineSystem({
  host: { harts: 2, memory: "1GiB" },
  guests: [
    { ...debian, name: "alpha", vcpus: 2, onCrash: "restart" },
    { ...debian, name: "beta", affinity: "1", weight: 512, onCrash: "restart" },
  ],
});
