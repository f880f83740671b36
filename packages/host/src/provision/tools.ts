// SPDX-License-Identifier: Apache-2.0
// The programs that the workstation must have: finds them, says which are missing or too old, and installs them with apt
// where it may (root, or sudo without a password), else says the exact lines to type. Called by the demo and `doctor`.
// Nothing in /etc/apt changes: Debian 12's backports come through a private apt root on the machine's own mirror.
import { access } from "node:fs/promises";
import { StepError } from "../errors.ts";
import { type Progress, inStep } from "../progress.ts";
import { findProgram, run } from "../run.ts";
import { aptGet, aptShow, createAptRoot } from "./apt.ts";
import { type Release, debianRelease } from "./release.ts";
import { type AptSource, configuredSources, deriveSuite, mainMirror, releaseSources } from "./sources.ts";

export interface ToolStatus {
  readonly name: string;
  readonly path?: string;
  readonly version?: string;
  /** Why the tool cannot be used; absent when it can. */
  readonly problem?: string;
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
}

export const LEAST_NODE = 20;
export const LEAST_QEMU = "8.2";

const QEMU_PACKAGES = ["qemu-system-riscv", "opensbi"] as const;

interface ToolSpec {
  readonly name: string;
  readonly program: string;
  readonly least?: string;
  readonly packages: readonly string[];
  /** How it is asked for its version; --version when absent. */
  readonly ask?: string;
}

const TOOLS: readonly ToolSpec[] = [
  {
    name: "QEMU",
    program: process.env["TYPEONE_QEMU"] ?? "qemu-system-riscv64",
    least: LEAST_QEMU,
    packages: QEMU_PACKAGES,
  },
  { name: "cross compiler", program: "riscv64-linux-gnu-gcc", packages: ["gcc-riscv64-linux-gnu"] },
  { name: "device tree compiler", program: "dtc", packages: ["device-tree-compiler"] },
  { name: "ext4 maker", program: "mke2fs", packages: ["e2fsprogs"], ask: "-V" },
  { name: "xz", program: "xz", packages: ["xz-utils"] },
];

/** Whether version `found` is `least` or newer, number by number. */
export function isAtLeast(found: string, least: string): boolean {
  const numbers = (version: string) => version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  const [have, want] = [numbers(found), numbers(least)];
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

async function checkTool(spec: ToolSpec): Promise<ToolStatus> {
  const { name, packages, least } = spec;
  const path = await findProgram(spec.program);
  if (!path) return { name, packages, problem: `${spec.program} is not installed` };
  const ask = spec.ask ?? "--version";
  const result = await run(path, [ask], { timeoutMs: 20_000 });
  const version = /\d+(\.\d+)+/.exec(result.stdout + result.stderr)?.[0];
  if (result.code !== 0 || !version) return { name, path, packages, problem: `${path} ${ask} does not answer` };
  if (least && !isAtLeast(version, least)) {
    return { name, path, version, packages, problem: `version ${version} is too old: ${least} or newer is needed` };
  }
  return { name, path, version, packages };
}

/** QEMU's packages do not everywhere pull in the firmware that its RISC-V machines start with. */
async function checkFirmware(qemu: ToolStatus): Promise<ToolStatus> {
  const name = "OpenSBI firmware";
  const file = "opensbi-riscv64-generic-fw_dynamic.bin";
  const prefix = qemu.path?.replace(/\/bin\/[^/]*$/, "") ?? "/usr";
  for (const folder of [
    `${prefix}/share/qemu`,
    `${prefix}/local/share/qemu`,
    `${prefix}/lib/qemu`,
    "/usr/share/qemu",
  ]) {
    const path = `${folder}/${file}`;
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return { name, path, packages: ["opensbi"] };
  }
  return { name, packages: ["opensbi"], problem: `${file} is not beside QEMU's other files` };
}

/** All tools, in the order in which they are shown. */
export async function checkTools(): Promise<ToolStatus[]> {
  const node = process.versions.node;
  const nodeStatus: ToolStatus = {
    name: "Node",
    path: process.execPath,
    version: node,
    packages: [],
    ...(isAtLeast(node, String(LEAST_NODE))
      ? {}
      : { problem: `version ${node} is too old: ${LEAST_NODE} or newer is needed` }),
  };
  const tools = await Promise.all(TOOLS.map(checkTool));
  const [qemu, ...rest] = tools as [ToolStatus, ...ToolStatus[]];
  return [nodeStatus, qemu, await checkFirmware(qemu), ...rest];
}

const packagesOf = (statuses: readonly ToolStatus[]): string[] => [
  ...new Set(statuses.filter((status) => status.problem).flatMap((status) => status.packages)),
];

const isQemuPackage = (name: string): boolean => (QEMU_PACKAGES as readonly string[]).includes(name);

/** Lines to type for `packages`, for a person who has to do it by hand. */
export function installAdvice(
  packages: readonly string[],
  release: Release | undefined,
  mirror: AptSource | undefined,
): string {
  if (!release) return `install with your system's package manager: ${packages.join(" ")} (names as in Debian 13)`;
  const qemu = packages.filter(isQemuPackage);
  const others = packages.filter((name) => !isQemuPackage(name));
  const lines: string[] = [];
  if (qemu.length > 0 && release.major === 12 && mirror) {
    const suite = `${release.codename}-backports`;
    lines.push(`echo 'deb ${mirror.uris[0]} ${suite} main' | sudo tee /etc/apt/sources.list.d/${suite}.list`);
    lines.push("sudo apt-get update", `sudo apt-get install -y --no-install-recommends -t ${suite} ${qemu.join(" ")}`);
    if (others.length > 0) lines.push(`sudo apt-get install -y --no-install-recommends ${others.join(" ")}`);
    return lines.join("\n");
  }
  return `sudo apt-get update\nsudo apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/** Words that make a command run as root, or undefined when that needs a person. */
async function rootPrefix(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudo = await findProgram("sudo");
  if (sudo && (await run(sudo, ["-n", "true"], { timeoutMs: 10_000 })).code === 0) return [sudo, "-n"];
  return undefined;
}

interface InstallPlan {
  readonly packages: readonly string[];
  readonly release: Release;
  readonly mirror: AptSource;
  readonly prefix: readonly string[];
  readonly progress: Progress;
  /** "simulate" resolves and prints, and installs nothing (tests). */
  readonly effect?: "install" | "simulate";
}

/** Installs `packages`; on Debian 12 QEMU comes from backports. Answers what apt printed. */
export async function installPackages(plan: InstallPlan): Promise<string> {
  const { release, mirror, prefix, progress } = plan;
  const sources = releaseSources(await configuredSources(), release.codename);
  const backports =
    release.major === 12 && plan.packages.some(isQemuPackage) ? `${release.codename}-backports` : undefined;
  if (backports && !sources.some((source) => source.suites.includes(backports)))
    sources.push(deriveSuite(mirror, backports));
  const root = await createAptRoot({ sources, status: "system" });
  const title = `install ${plan.packages.join(", ")}`;
  try {
    await inStep(progress, "read Debian's package index", (step) =>
      aptGet(root, {
        step: "read Debian's package index",
        args: ["update"],
        prefix,
        onPercent: (percent) => step.update(`${percent.toFixed(0)} %`),
      }),
    );
    return await inStep(progress, title, async (step) => {
      const install = (packages: readonly string[], more: readonly string[]) =>
        aptGet(root, {
          step: title,
          args: [
            ...(plan.effect === "simulate" ? ["-s"] : []),
            "install",
            "-y",
            "--no-install-recommends",
            ...more,
            ...packages,
          ],
          prefix,
          onPercent: (percent, what) => step.update(`${percent.toFixed(0)} %  ${what}`),
        });
      const qemuName = (await aptShow(root, "qemu-system-riscv")) ? "qemu-system-riscv" : "qemu-system-misc";
      const qemu = plan.packages.filter(isQemuPackage).map((name) => (name === "qemu-system-riscv" ? qemuName : name));
      const others = plan.packages.filter((name) => !isQemuPackage(name));
      const printed: string[] = [];
      if (qemu.length > 0) printed.push(await install(qemu, backports ? ["-t", backports] : []));
      if (others.length > 0) printed.push(await install(others, []));
      return printed.join("\n");
    });
  } finally {
    if (prefix.length > 0) await run(prefix[0] as string, [...prefix.slice(1), "rm", "-rf", root.dir]);
    await root.remove();
  }
}

/** Makes sure that all tools are there; installs what is missing. Rejects with the exact lines to type where it may not. */
export async function ensureTools(progress: Progress): Promise<ToolStatus[]> {
  const before = await inStep(progress, "check the tools", async (step) => {
    const found = await checkTools();
    const versions = found.filter((tool) => tool.version).map((tool) => `${tool.name} ${tool.version}`);
    step.done(found.some((tool) => tool.problem) ? "some are missing" : versions.join(", "));
    return found;
  });
  const bad = before.filter((status) => status.problem);
  if (bad.length === 0) return before;
  const why = bad.map((status) => `${status.name}: ${status.problem}`).join("\n");
  const step = "check the tools";
  const packages = packagesOf(before);
  if (packages.length === 0) throw new StepError({ step, why, fix: "install Node 20 or newer" });
  const release = await debianRelease();
  const mirror = release && mainMirror(await configuredSources(), release.codename);
  const prefix = await rootPrefix();
  if (!release || !mirror || !prefix || process.env["TYPEONE_NO_INSTALL"]) {
    throw new StepError({ step, why, fix: installAdvice(packages, release, mirror) });
  }
  await installPackages({ packages, release, mirror, prefix, progress });
  const after = await checkTools();
  const still = after.filter((status) => status.problem);
  if (still.length === 0) return after;
  throw new StepError({
    step,
    why: still.map((status) => `${status.name}: ${status.problem}`).join("\n"),
    fix: installAdvice(packages, release, mirror),
  });
}
