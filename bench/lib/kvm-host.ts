// SPDX-License-Identifier: Apache-2.0
// What Linux KVM's host needs besides a kernel: Debian's riscv64 qemu-system-riscv with the libraries that it loads, as a
// cpio archive. Packages are solved and downloaded as for images; the archive is kept in the cache. Called by kvm-stack.ts.
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { CACHE_DIR, silentProgress, StepError } from "@typeone/host";
import { tool } from "@typeone/toolchain";
import { aptGet } from "../../packages/host/src/provision/apt.ts";
import { type CpioEntry, writeCpio } from "../../packages/host/src/provision/cpio.ts";
import { openGuestRoot } from "../../packages/host/src/provision/debian.ts";
import { keepDebs, offerDebs } from "../../packages/host/src/rootfs/debs.ts";
import { downloadPackages, solvePackages } from "../../packages/host/src/rootfs/packages.ts";
import type { TarEntry } from "../../packages/host/src/rootfs/tar.ts";
import { entriesOf } from "../../packages/host/src/rootfs/unpack.ts";
import { progress } from "./table.ts";

const KEPT = path.join(CACHE_DIR, "bench");
const PACKAGES = ["qemu-system-riscv"];
const PROGRAM = "usr/bin/qemu-system-riscv64";
const LIBRARIES = "usr/lib/riscv64-linux-gnu";
const LOADER = "ld-linux-riscv64-lp64d.so.1";
const STEP = "collect KVM's host";

export interface KvmHost {
  readonly archive: string;
  /** Of QEMU's package. */
  readonly version: string;
}

/** All files of the packages by path, links resolved later. */
async function filesOf(debs: readonly string[]): Promise<Map<string, TarEntry>> {
  const files = new Map<string, TarEntry>();
  for (const deb of debs) {
    for (const entry of await entriesOf(deb, "--fsys-tarfile")) {
      const name = entry.name.replace(/^lib\//, "usr/lib/");
      if (name === PROGRAM || /^usr\/lib\/.*\.so(\.|$)/.test(name)) files.set(name, entry);
    }
  }
  return files;
}

function dataOf(files: ReadonlyMap<string, TarEntry>, name: string): Buffer | undefined {
  const entry = files.get(name);
  if (entry?.kind !== "symlink") return entry?.data;
  const target = entry.target.startsWith("/") ? entry.target.slice(1) : path.join(path.dirname(name), entry.target);
  return dataOf(files, target);
}

/** QEMU and what it and its libraries name as NEEDED. */
async function closure(files: ReadonlyMap<string, TarEntry>): Promise<CpioEntry[]> {
  const taken = new Map<string, Buffer>();
  const probe = path.join(KEPT, `probe-${process.pid}`);
  const visit = async (name: string): Promise<void> => {
    if (taken.has(name)) return;
    const data = dataOf(files, name);
    if (data === undefined) throw new StepError({ step: STEP, why: `no package brings ${name}` });
    taken.set(name, data);
    await writeFile(probe, data);
    const { stdout } = await tool("readelf", ["-d", probe]);
    for (const [, needed = ""] of stdout.matchAll(/\(NEEDED\).*\[([^\]]+)\]/g)) {
      await visit(needed === LOADER ? `usr/lib/${LOADER}` : `${LIBRARIES}/${needed}`);
    }
  };
  await visit(PROGRAM);
  await rm(probe, { force: true });
  return [
    ...["usr", "usr/bin", "usr/lib", LIBRARIES].map((name): CpioEntry => ({ kind: "directory", name })),
    { kind: "symlink", name: "lib", target: "usr/lib" },
    ...[...taken].map(([name, data]): CpioEntry => ({ kind: "file", name, data, mode: 0o755 })),
  ];
}

async function build(): Promise<KvmHost> {
  const root = await openGuestRoot(STEP);
  try {
    progress("KVM's host: Debian's riscv64 QEMU (once)");
    await aptGet(root, { step: STEP, args: ["update"] });
    const all = await solvePackages(root, PACKAGES);
    // Only libraries are of use: they are in packages lib*, and in QEMU's own.
    const wanted = all.filter(({ name }) => /^(lib|zlib)/.test(name) || PACKAGES.includes(name));
    await offerDebs(root, path.join(KEPT, "packages"));
    const { others } = await downloadPackages(
      root,
      { names: [], solved: [], others: wanted },
      silentProgress.step(STEP),
    );
    await keepDebs(others, path.join(KEPT, "packages"));
    const version = all.find(({ name }) => name === PACKAGES[0])?.version ?? "";
    const archive = path.join(KEPT, `qemu-${version.replace(/[^A-Za-z0-9.+~-]/g, "_")}.cpio`);
    await writeFile(`${archive}.partial`, writeCpio(await closure(await filesOf(others))));
    await rename(`${archive}.partial`, archive);
    await writeFile(path.join(KEPT, "qemu.json"), JSON.stringify({ archive: path.basename(archive), version }));
    return { archive, version };
  } finally {
    await root.remove();
  }
}

/** From the cache, or made now. */
export async function kvmHost(): Promise<KvmHost> {
  await mkdir(KEPT, { recursive: true });
  const known = await readFile(path.join(KEPT, "qemu.json"), "utf8").catch(() => undefined);
  if (known === undefined) return build();
  const { archive, version } = JSON.parse(known) as KvmHost;
  if (!(await readdir(KEPT)).includes(archive)) return build();
  return { archive: path.join(KEPT, archive), version };
}
