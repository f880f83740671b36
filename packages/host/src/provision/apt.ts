// SPDX-License-Identifier: Apache-2.0
// A private apt root: its own sources, package lists and archive folder in a temporary directory, so that nothing of the
// user's apt changes (no file in /etc/apt, no new package list), while the machine's apt.conf (proxies, credentials) and
// signature checks stay in force. Called by tools.ts (install host tools) and debian.ts (fetch riscv64 packages).
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { StepError, lastLines } from "../errors.ts";
import { run, type RunResult } from "../run.ts";
import { DEBIAN_KEYRING, type AptSource, formatDeb822 } from "./sources.ts";

export interface AptRootOptions {
  readonly sources: readonly AptSource[];
  /** Foreign architecture to look at; the machine's own when absent. */
  readonly architecture?: string;
  /** What counts as installed: nothing (only download), or the machine's packages (install). */
  readonly status: "empty" | "system";
}

export interface AptRoot {
  readonly dir: string;
  readonly config: string;
  remove(): Promise<void>;
}

export interface AptCall {
  /** The step's name for errors. */
  readonly step: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Words in front of apt-get, e.g. ["sudo", "-n"]. */
  readonly prefix?: readonly string[];
  /** Percent done, as apt counts it, and what it is doing. */
  readonly onPercent?: (percent: number, what: string) => void;
}

function configText(dir: string, options: AptRootOptions): string {
  const lines = [
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    `Dir::Etc::sourcelist "/dev/null";`,
    `Dir::Etc::sourceparts "${dir}/sources.d";`,
    `Dir::State::lists "${dir}/lists";`,
    `Dir::Cache::archives "${dir}/archives";`,
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    `Acquire::Languages "none";`,
    `Acquire::Retries "3";`,
    `APT::Get::AllowUnauthenticated "false";`,
    `Acquire::AllowInsecureRepositories "false";`,
    `DPkg::Lock::Timeout "120";`,
  ];
  if (options.status === "empty") {
    lines.push(`Dir::State::status "${dir}/status";`, `Dir::Etc::preferences "/dev/null";`);
    lines.push(`Dir::Etc::preferencesparts "/dev/null";`, `Debug::NoLocking "true";`);
  }
  if (options.architecture) {
    lines.push(`APT::Architecture "${options.architecture}";`, "#clear APT::Architectures;");
    lines.push(`APT::Architectures { "${options.architecture}"; };`);
  }
  return `${lines.join("\n")}\n`;
}

/** Makes the root below the system's temporary folder, where apt's unprivileged download user may go too. */
export async function createAptRoot(options: AptRootOptions): Promise<AptRoot> {
  const dir = await mkdtemp(path.join(os.tmpdir(), "typeone-apt-"));
  for (const folder of ["sources.d", "lists/partial", "archives/partial"]) {
    await mkdir(path.join(dir, folder), { recursive: true, mode: 0o755 });
  }
  await run("chmod", ["755", dir]);
  await writeFile(path.join(dir, "status"), "");
  await writeFile(path.join(dir, "sources.d/typeone.sources"), formatDeb822(options.sources));
  const config = path.join(dir, "apt.conf");
  await writeFile(config, configText(dir, options));
  // Also when somebody stops us in the middle of a download.
  const removeNow = (): void => rmSync(dir, { recursive: true, force: true });
  process.once("exit", removeNow);
  const remove = async (): Promise<void> => {
    process.off("exit", removeNow);
    await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  };
  return { dir, config, remove };
}

/** What to do about a failed apt call, read off its messages; undefined when nothing better than the messages is known. */
export function aptFix(messages: string): string | undefined {
  if (/NO_PUBKEY|EXPKEYSIG|KEYEXPIRED|public key is not available/.test(messages)) {
    return "Debian's archive keys on this machine are too old for this suite; run: apt-get update && apt-get install debian-archive-keyring";
  }
  if (/Could not resolve|Temporary failure resolving|Cannot initiate the connection|Could not connect/.test(messages)) {
    return "the package mirror cannot be reached; check the network and the mirror in /etc/apt/sources.list*";
  }
  if (/No space left on device/.test(messages)) return "free some disk space (about 300 MB in the temporary folder)";
  if (/Could not get lock|Unable to acquire the dpkg frontend lock/.test(messages)) {
    return "another package manager is running; wait until it ends and try again";
  }
  if (/no longer has a Release file|does not have a Release file/.test(messages)) {
    return "the mirror in /etc/apt/sources.list* does not carry this suite; configure a full Debian mirror";
  }
  return undefined;
}

function failure(step: string, result: RunResult): StepError {
  const messages = `${result.stderr}\n${result.stdout}`;
  const errors = messages.split("\n").filter((line) => /^(E|Err):?/.test(line));
  const why = errors.length > 0 ? errors.slice(0, 4).join("\n") : lastLines(messages, 4);
  const fix = aptFix(messages);
  return new StepError({ step, why, ...(fix ? { fix } : {}) });
}

/** Runs apt-get in the private root; rejects with a StepError that carries apt's own message. */
export async function aptGet(root: AptRoot, call: AptCall): Promise<string> {
  const { onPercent, prefix = [] } = call;
  const withStatus = onPercent !== undefined && prefix.length === 0;
  const args = ["apt-get", "-c", root.config, ...(withStatus ? ["-o", "APT::Status-Fd=3"] : []), ...call.args];
  const [program, ...rest] = [
    ...prefix,
    ...(prefix.length > 0 ? ["env", "DEBIAN_FRONTEND=noninteractive"] : []),
    ...args,
  ];
  const result = await run(program as string, rest, {
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    ...(call.cwd ? { cwd: call.cwd } : {}),
    ...(withStatus
      ? {
          onStatusLine: (line: string) => {
            const match = /^(?:dl|pm)status:[^:]*:([0-9.]+):(.*)$/.exec(line);
            if (match) onPercent(Number(match[1]), match[2] as string);
          },
        }
      : {}),
  });
  // apt-get update exits 0 when an index failed and an old one can stand in; here none can.
  const brokenIndex =
    call.args[0] === "update" && /^(W: Failed to fetch|Err:|W: GPG error)/m.test(result.stdout + result.stderr);
  if (result.code !== 0 || brokenIndex) throw failure(call.step, result);
  return result.stdout;
}

/** Fields of the candidate version of `name`, or undefined when the root's suites do not have it. */
export async function aptShow(root: AptRoot, name: string): Promise<Map<string, string> | undefined> {
  const result = await run("apt-cache", ["-c", root.config, "show", "--no-all-versions", name], {
    env: { LC_ALL: "C" },
  });
  if (result.code !== 0 || result.stdout.trim() === "") return undefined;
  const fields = new Map<string, string>();
  for (const line of result.stdout.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0 && !line.startsWith(" ")) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return fields;
}

export { DEBIAN_KEYRING };
