// SPDX-License-Identifier: Apache-2.0
// The ramdisk that reaches a guest's root file system: busybox, some modules, and guests/debian/init.sh. Pure. Called by
// image.ts; the archive's form is cpio.ts's.
import { type CpioEntry, writeCpio } from "../provision/cpio.ts";
import type { LoadOrder } from "./modules.ts";

export interface RamdiskParts {
  readonly busybox: Uint8Array;
  readonly init: string;
  /** Modules to load, in order; those of `carried` are only there. */
  readonly loaded: LoadOrder;
  readonly carried: LoadOrder;
}

/** What init.sh runs, and what somebody needs whose root file system is missing. */
const APPLETS =
  "blkid cat cttyhack dmesg findfs grep insmod ls lsmod mkdir mount poweroff reboot setsid sh switch_root umount usleep".split(
    " ",
  );

const FOLDERS = ["bin", "dev", "proc", "sys", "modules", "target", "lower", "upper"];

export function rootRamdisk({ busybox, init, loaded, carried }: RamdiskParts): Buffer {
  const files = new Map([...carried.files, ...loaded.files]);
  const modules = [...files].map(([name, data]): CpioEntry => ({ kind: "file", name: `modules/${name}.ko`, data }));
  return writeCpio([
    ...FOLDERS.map((name): CpioEntry => ({ kind: "directory", name })),
    { kind: "device", name: "dev/console", major: 5, minor: 1 },
    { kind: "file", name: "bin/busybox", data: busybox, mode: 0o755 },
    ...APPLETS.map((name): CpioEntry => ({ kind: "symlink", name: `bin/${name}`, target: "busybox" })),
    { kind: "file", name: "modules/order", data: loaded.order.map((name) => `${name}\n`).join("") },
    ...modules,
    { kind: "file", name: "init", data: init, mode: 0o755 },
  ]);
}
