// SPDX-License-Identifier: Apache-2.0
// `typeone doctor`: looks at everything that TypeOne needs on this machine, changes nothing, and prints what to do about
// what is missing. Exits non-zero when something keeps the demo from running.
import { readFile, stat, statfs } from "node:fs/promises";
import path from "node:path";
import {
  BUILD_DIR,
  CACHE_DIR,
  REPO_ROOT,
  cachedDebianFiles,
  cachedDebianImage,
  checkTools,
  configuredSources,
  debianRelease,
  formatBytes,
  installAdvice,
  mainMirror,
} from "@typeone/host";
import { printJson, printLine } from "../output/print.ts";
import { PLAIN, type Style } from "../output/style.ts";
import { defineVerb } from "../verb.ts";

export interface Finding {
  readonly what: string;
  /** "info" is neither good nor bad: the demo does it by itself. */
  readonly verdict: "good" | "info" | "bad";
  readonly detail: string;
  readonly fix?: string;
}

const LEAST_FREE_BYTES = 1_000_000_000;

async function toolFindings(): Promise<Finding[]> {
  const release = await debianRelease();
  const mirror = release && mainMirror(await configuredSources(), release.codename);
  return (await checkTools()).map((tool): Finding => {
    if (!tool.problem)
      return { what: tool.name, verdict: "good", detail: [tool.version, tool.path].filter(Boolean).join("  ") };
    const fix = tool.packages.length > 0 ? installAdvice(tool.packages, release, mirror) : "install Node 20 or newer";
    return { what: tool.name, verdict: "bad", detail: tool.problem, fix };
  });
}

async function debianFinding(): Promise<Finding> {
  const what = "Debian kernel and busybox";
  const cached = await cachedDebianFiles();
  if (cached) return { what, verdict: "good", detail: `${cached.kernel.version}, ${cached.busybox.version} (cached)` };
  const release = await debianRelease();
  const mirror = release && mainMirror(await configuredSources(), release.codename);
  if (mirror) return { what, verdict: "info", detail: `will be downloaded from ${mirror.uris[0]}` };
  const fix = "run on Debian 12 or 13 with its main archive in /etc/apt/sources.list or sources.list.d";
  return { what, verdict: "bad", detail: "no Debian mirror is configured on this machine", fix };
}

async function imageFinding(): Promise<Finding> {
  const what = "Debian disk image";
  const cached = await cachedDebianImage();
  if (cached) return { what, verdict: "good", detail: `${cached.id}, ${cached.packages.length} packages (cached)` };
  return { what, verdict: "info", detail: "not made yet; npm run image -- debian makes it" };
}

async function diskFinding(): Promise<Finding> {
  const info = await statfs(REPO_ROOT);
  const free = info.bavail * info.bsize;
  const enough = free >= LEAST_FREE_BYTES;
  const detail = `${formatBytes(free)} free`;
  return {
    what: "disk space",
    verdict: enough ? "good" : "bad",
    detail,
    ...(enough
      ? {}
      : { fix: `free at least ${formatBytes(LEAST_FREE_BYTES)}, or delete ${path.relative(REPO_ROOT, CACHE_DIR)}` }),
  };
}

async function buildFinding(): Promise<Finding> {
  const what = "hypervisor";
  const image = await stat(path.join(BUILD_DIR, "typeone/typeone.elf")).catch(() => undefined);
  if (!image) return { what, verdict: "info", detail: "not built yet; the demo builds it" };
  const stamp = await readFile(path.join(BUILD_DIR, "typeone/stamp.json"), "utf8").catch(() => "{}");
  const id = (JSON.parse(stamp) as { id?: string }).id ?? "unknown";
  return { what, verdict: "good", detail: `built ${image.mtime.toISOString()}, id ${id}` };
}

/** The findings as lines for people. */
export function findingLines(findings: readonly Finding[], style: Style = PLAIN): string[] {
  const marks = { good: style.green("✓"), info: style.cyan("·"), bad: style.red("✗") } as const;
  const width = Math.max(...findings.map((finding) => finding.what.length));
  return findings.flatMap((finding) => [
    `${marks[finding.verdict]} ${finding.what.padEnd(width)}  ${finding.detail}`,
    ...(finding.fix ? finding.fix.split("\n").map((line) => `    ${style.bold(line)}`) : []),
  ]);
}

export default defineVerb({
  args: {},
  about: "Changes nothing. Exit code 1 when something keeps hosts from running here.",
  examples: [["doctor", "what is there, what is missing, what to type"]],
  async run(_args, context) {
    const release = await debianRelease();
    const findings: Finding[] = [
      {
        what: "system",
        verdict: release ? "good" : "info",
        detail: release?.pretty ?? "not Debian: tools must be installed by hand",
      },
      ...(await toolFindings()),
      await debianFinding(),
      await imageFinding(),
      await diskFinding(),
      await buildFinding(),
    ];
    const bad = findings.filter((finding) => finding.verdict === "bad").length;
    if (context.format === "json") printJson(context, { ok: bad === 0, findings });
    else {
      printLine(context, findingLines(findings, context.style).join("\n"));
      if (bad === 0) printLine(context, "\ntypeone demo can run here");
    }
    return bad === 0 ? 0 : 1;
  },
});
