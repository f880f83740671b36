// SPDX-License-Identifier: Apache-2.0
// Gets Debian's stock riscv64 kernel and its static busybox: through apt with a private root (signatures checked, nothing
// of the user's machine touched), unpacked with dpkg-deb, kept in `.cache/debian` by version. Called by the demo, the
// benches and the test matrix; a second call needs no network and takes a fraction of a second.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { spawn } from "node:child_process";
import { StepError } from "../errors.ts";
import { CACHE_DIR } from "../paths.ts";
import { type Progress, type Step, formatBytes, inStep } from "../progress.ts";
import { findProgram, run } from "../run.ts";
import { type AptRoot, aptGet, aptShow, createAptRoot } from "./apt.ts";
import { debianRelease } from "./release.ts";
import { DEBIAN_KEYRING, configuredSources, deriveSuite, mainMirror } from "./sources.ts";

/** The release that guests are taken from: riscv64 is an official architecture from trixie on. */
export const GUEST_SUITE = "trixie";

export interface DebianFile {
  readonly package: string;
  readonly version: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface DebianFiles {
  /** Uncompressed Linux Image. */
  readonly kernel: DebianFile;
  /** Statically linked busybox. */
  readonly busybox: DebianFile;
  readonly fromCache: boolean;
}

interface Manifest {
  readonly schema: 1;
  readonly suite: string;
  readonly kernel: DebianFile;
  readonly busybox: DebianFile;
}

export interface DebianOptions {
  readonly progress: Progress;
  /** Folder for the cache; `.cache/debian` of the repository when absent. */
  readonly cacheDir?: string;
  /** "missing" downloads only what the cache lacks; "refresh" asks the mirror for a newer version. */
  readonly fetch?: "missing" | "refresh";
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Whether the cache's file is as it was when it was put there. */
export async function isIntact(file: DebianFile, cacheDir: string): Promise<boolean> {
  const full = path.join(cacheDir, file.path);
  const info = await stat(full).catch(() => undefined);
  return info?.size === file.bytes && (await sha256Of(full)) === file.sha256;
}

/** The cached files when both are there and unharmed. Their paths are absolute. */
export async function cachedDebianFiles(cacheDir = path.join(CACHE_DIR, "debian")): Promise<DebianFiles | undefined> {
  try {
    const manifest = JSON.parse(await readFile(path.join(cacheDir, "manifest.json"), "utf8")) as Manifest;
    if (manifest.schema !== 1 || manifest.suite !== GUEST_SUITE) return undefined;
    const { kernel, busybox } = manifest;
    if (!(await isIntact(kernel, cacheDir)) || !(await isIntact(busybox, cacheDir))) return undefined;
    const absolute = (file: DebianFile) => ({ ...file, path: path.join(cacheDir, file.path) });
    return { kernel: absolute(kernel), busybox: absolute(busybox), fromCache: true };
  } catch {
    return undefined;
  }
}

/** A private apt root for riscv64 packages of GUEST_SUITE, on this machine's own mirror. */
export async function openGuestRoot(step: string): Promise<AptRoot> {
  const release = await debianRelease();
  const mirror = release && mainMirror(await configuredSources(), release.codename);
  if (!mirror || !(await findProgram("apt-get"))) {
    throw new StepError({
      step,
      why: "this machine has no apt source for Debian's main archive to derive the riscv64 one from",
      fix: "run on Debian 12 or 13 with its main archive in /etc/apt/sources.list or sources.list.d",
    });
  }
  await access(DEBIAN_KEYRING).catch(() => {
    throw new StepError({
      step,
      why: `${DEBIAN_KEYRING} is missing`,
      fix: "run: apt-get install debian-archive-keyring",
    });
  });
  return createAptRoot({
    sources: [deriveSuite(mirror, GUEST_SUITE, "riscv64")],
    architecture: "riscv64",
    status: "empty",
  });
}

export interface Wanted {
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
}

interface Question {
  readonly name: string;
  /** For errors. */
  readonly step: string;
}

async function fieldsOf(root: AptRoot, { name, step }: Question): Promise<Map<string, string>> {
  const fields = await aptShow(root, name);
  if (!fields) throw new StepError({ step, why: `the mirror's ${GUEST_SUITE} has no riscv64 package ${name}` });
  return fields;
}

/** The version of a package that the suite has. */
export async function lookUp(root: AptRoot, question: Question): Promise<Wanted> {
  const fields = await fieldsOf(root, question);
  const version = fields.get("Version") ?? "unknown";
  return { name: question.name, version, bytes: Number(fields.get("Size") ?? 0) };
}

/** The suite's kernel package (behind its meta package) and its static busybox. */
export async function findGuestPackages(root: AptRoot, step: string): Promise<{ kernel: Wanted; busybox: Wanted }> {
  const meta = await fieldsOf(root, { name: "linux-image-riscv64", step });
  const real = /\blinux-image-[0-9][^\s,|(]*-riscv64\b/.exec(meta.get("Depends") ?? "")?.[0];
  if (!real) throw new StepError({ step, why: "linux-image-riscv64 names no kernel package among its dependencies" });
  return {
    kernel: await lookUp(root, { name: real, step }),
    busybox: await lookUp(root, { name: "busybox-static", step }),
  };
}

/** Downloads packages without what they depend on; answers the folder with the .deb files. */
export async function download(root: AptRoot, packages: readonly Wanted[], step: Step): Promise<string> {
  const folder = path.join(root.dir, "debs");
  await mkdir(folder, { mode: 0o755 });
  const total = packages.reduce((sum, wanted) => sum + wanted.bytes, 0);
  step.update(`0 of ${formatBytes(total)}`);
  await aptGet(root, {
    step: `download ${packages.map(({ name }) => name).join(", ")}`,
    args: ["download", ...packages.map((wanted) => `${wanted.name}=${wanted.version}`)],
    cwd: folder,
    onPercent: (percent) => step.update(`${formatBytes((total * percent) / 100)} of ${formatBytes(total)}`),
  });
  step.done(formatBytes(total));
  return folder;
}

/** Unpacks the members that match `pattern` from the one `.deb` of `name` into `into`; answers the first file found. */
export async function unpack(debs: string, name: string, pattern: string, into: string): Promise<string> {
  const step = `unpack ${name}`;
  const deb = (await readdir(debs)).find((file) => file.startsWith(`${name}_`));
  if (!deb) throw new StepError({ step, why: "apt-get downloaded no such package" });
  await mkdir(into, { recursive: true });
  const source = spawn("dpkg-deb", ["--fsys-tarfile", path.join(debs, deb)], { stdio: ["ignore", "pipe", "ignore"] });
  const sink = spawn("tar", ["-x", "-C", into, "--no-same-owner", "--wildcards", pattern], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let messages = "";
  sink.stderr.on("data", (chunk: Buffer) => (messages += chunk.toString()));
  source.stdout.on("error", () => undefined);
  sink.stdin.on("error", () => undefined);
  source.stdout.pipe(sink.stdin);
  const code = await new Promise<number>((resolve) => {
    sink.on("error", () => resolve(-1));
    source.on("error", () => resolve(-1));
    sink.on("close", (status) => resolve(status ?? -1));
  });
  if (code !== 0) throw new StepError({ step, why: messages.trim() || "dpkg-deb or tar failed" });
  const found = await run("find", [into, "-type", "f", "-path", `*${pattern.replace(/^\./, "")}`]);
  const file = found.stdout.split("\n")[0];
  if (!file) throw new StepError({ step, why: `the package holds no file like ${pattern}` });
  return file;
}

/** Puts `file` into the cache under `name`, atomically: another process may be filling the same cache. */
export async function keep(
  file: string,
  target: { cacheDir: string; name: string; wanted: Wanted },
): Promise<DebianFile> {
  const relative = `${target.name}-${target.wanted.version.replace(/[^A-Za-z0-9.+~-]/g, "_")}`;
  const full = path.join(target.cacheDir, relative);
  await mkdir(target.cacheDir, { recursive: true });
  const partial = `${full}.${process.pid}.partial`;
  await copyFile(file, partial);
  await rename(partial, full);
  const { size } = await stat(full);
  return {
    package: target.wanted.name,
    version: target.wanted.version,
    path: relative,
    bytes: size,
    sha256: await sha256Of(full),
  };
}

async function checkKernel(file: string): Promise<void> {
  const head = (await readFile(file)).subarray(0, 64);
  if (head.length === 64 && head.subarray(0x38, 0x3c).toString("latin1") === "RSC\x05") return;
  throw new StepError({
    step: "unpack the Debian kernel",
    why: "its boot file is not an uncompressed RISC-V Linux Image",
  });
}

async function fetchAll(options: DebianOptions, cacheDir: string): Promise<void> {
  const { progress } = options;
  const indexStep = "read Debian's riscv64 package index";
  const root = await openGuestRoot(indexStep);
  const work = await mkdtemp(path.join(os.tmpdir(), "typeone-deb-"));
  try {
    const wanted = await inStep(progress, indexStep, async (step) => {
      await aptGet(root, {
        step: indexStep,
        args: ["update"],
        onPercent: (percent) => step.update(`${percent.toFixed(0)} %`),
      });
      const found = await findGuestPackages(root, indexStep);
      step.done(`${found.kernel.name} ${found.kernel.version}, busybox ${found.busybox.version}`);
      return found;
    });
    const debs = await inStep(progress, "download the Debian kernel and busybox", (step) =>
      download(root, [wanted.kernel, wanted.busybox], step),
    );
    await inStep(progress, "unpack the Debian kernel and busybox", async () => {
      const image = await unpack(debs, wanted.kernel.name, "./boot/vmlinu[xz]-*", path.join(work, "kernel"));
      await checkKernel(image);
      const binary = await unpack(debs, wanted.busybox.name, "./*bin/busybox", path.join(work, "busybox"));
      const kernel = await keep(image, { cacheDir, name: "linux", wanted: wanted.kernel });
      const busybox = await keep(binary, { cacheDir, name: "busybox", wanted: wanted.busybox });
      const manifest: Manifest = { schema: 1, suite: GUEST_SUITE, kernel, busybox };
      const partial = path.join(cacheDir, `manifest.${process.pid}.partial`);
      await writeFile(partial, `${JSON.stringify(manifest, null, 2)}\n`);
      await rename(partial, path.join(cacheDir, "manifest.json"));
    });
  } finally {
    await root.remove();
    await rm(work, { recursive: true, force: true });
  }
}

/** Kernel and busybox, from the cache or from Debian. Rejects with a StepError that says what to do. */
export async function getDebianFiles(options: DebianOptions): Promise<DebianFiles> {
  const cacheDir = options.cacheDir ?? path.join(CACHE_DIR, "debian");
  if (options.fetch !== "refresh") {
    const cached = await cachedDebianFiles(cacheDir);
    if (cached) return cached;
  }
  await fetchAll(options, cacheDir);
  const files = await cachedDebianFiles(cacheDir);
  if (!files)
    throw new StepError({ step: "fill the Debian cache", why: `what was written to ${cacheDir} cannot be read back` });
  return { ...files, fromCache: false };
}
