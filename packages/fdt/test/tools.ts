// SPDX-License-Identifier: Apache-2.0
// dtc and QEMU as oracles for tests.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export const hasTool = (name: string): boolean => spawnSync(name, ["--version"]).status === 0;

/** dtc from one format to another; it complains only about what it cannot represent. */
export function dtc(from: "dtb" | "dts", to: "dtb" | "dts", input: Uint8Array | string): Buffer {
  return execFileSync("dtc", ["-q", "-q", "-I", from, "-O", to, "-"], { input, stdio: ["pipe", "pipe", "pipe"] });
}

/** The blob that QEMU gives to firmware for these machine options. */
export function qemuTree(machine: string, smp: number): Uint8Array {
  const folder = mkdtempSync(path.join(tmpdir(), "typeone-fdt-"));
  try {
    const file = path.join(folder, "tree.dtb");
    const args = ["-M", `virt,${machine},dumpdtb=${file}`, "-smp", String(smp), "-m", "512M", "-display", "none"];
    execFileSync("qemu-system-riscv64", args, { stdio: "ignore", timeout: 20_000 });
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The machines whose trees the tests read: every interrupt controller, several hart counts. */
export const QEMU_MACHINES: readonly (readonly [string, number])[] = [
  ["aia=none", 1],
  ["aia=none", 8],
  ["aia=aplic", 2],
  ["aia=aplic-imsic,aia-guests=3", 4],
];
