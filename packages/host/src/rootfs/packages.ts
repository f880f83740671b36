// SPDX-License-Identifier: Apache-2.0
// Which Debian packages an image consists of, and their files: apt solves and downloads in a private root for riscv64.
// Called by image.ts. Nothing of the machine's own apt changes; signatures are checked by apt.
import { readdir } from "node:fs/promises";
import path from "node:path";
import { StepError } from "../errors.ts";
import type { Step } from "../progress.ts";
import { type AptRoot, aptGet } from "../provision/apt.ts";

export interface SolvedPackage {
  readonly name: string;
  readonly version: string;
}

/** What `apt-get -s install` would install, in the order in which it would. */
export function parseSimulation(printed: string): SolvedPackage[] {
  const found: SolvedPackage[] = [];
  for (const line of printed.split("\n")) {
    const match = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /.exec(line);
    if (match) found.push({ name: (match[1] as string).replace(/:[a-z0-9]+$/, ""), version: match[2] as string });
  }
  return found;
}

const words = (names: readonly string[]): string[] => [
  "install",
  "-y",
  "--no-install-recommends",
  "?essential",
  ...names,
];

/** Solves for `names` and all essential packages, as if nothing were installed. */
export async function solvePackages(root: AptRoot, names: readonly string[]): Promise<SolvedPackage[]> {
  const step = "choose Debian's packages";
  const solved = parseSimulation(await aptGet(root, { step, args: ["-s", ...words(names)] }));
  const missing = names.filter((name) => !solved.some((one) => one.name === name));
  if (missing.length > 0) throw new StepError({ step, why: `the mirror has no riscv64 package ${missing.join(", ")}` });
  return solved;
}

export interface Downloads {
  /** The image's own packages. */
  readonly debs: readonly string[];
  /** Packages that are only taken apart, in the order in which they were named. */
  readonly others: readonly string[];
}

/** Downloads `solved` (found for `names`), and `others` without what they depend on; answers .deb files. */
export async function downloadPackages(
  root: AptRoot,
  {
    names,
    solved,
    others,
  }: Record<"solved" | "others", readonly SolvedPackage[]> & { readonly names: readonly string[] },
  step: Step,
): Promise<Downloads> {
  const title = "download Debian's packages";
  const folder = path.join(root.dir, "archives");
  const show = (what: string) => (percent: number) => step.update(`${what}  ${percent.toFixed(0)} %`);
  await aptGet(root, {
    step: title,
    args: ["--download-only", ...words(names)],
    onPercent: show(`${solved.length} packages`),
  });
  await aptGet(root, {
    step: title,
    args: ["download", ...others.map(({ name, version }) => `${name}=${version}`)],
    cwd: folder,
    onPercent: show(others.map(({ name }) => name).join(", ")),
  });
  const files = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
  const find = (one: SolvedPackage): string => {
    const start = `${one.name}_${one.version.replaceAll(":", "%3a")}_`;
    const file = files.find((name) => name.startsWith(start));
    if (file === undefined) throw new StepError({ step: title, why: `apt-get downloaded no ${one.name}` });
    return path.join(folder, file);
  };
  step.done(`${solved.length + others.length} packages`);
  return { debs: solved.map(find), others: others.map(find) };
}
