// SPDX-License-Identifier: Apache-2.0
// Finds the host that a person means and the process that serves it; when QEMU lives and nobody serves it (that process
// was killed), starts one that takes over.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { HostClient } from "./client.ts";
import { lockedImage } from "./disk-use.ts";
import { ApiError, noHost } from "./errors.ts";
import { isAlive } from "./process-id.ts";
import { checkPrivate, DEFAULT_HOST, hostNames, type HostPaths, hostPaths, runRoot } from "./run-dir.ts";
import { endedSchema, readJsonFile, stateSchema } from "./state.ts";
import { isNobody, Transport } from "./transport.ts";

export interface HostEntry {
  readonly name: string;
  /** The file that it was started from. */
  readonly file: string;
  readonly startedAt: string;
  readonly qemuPid: number;
}

/** The hosts of this user whose QEMU runs. */
export async function listHosts(): Promise<HostEntry[]> {
  const found: HostEntry[] = [];
  for (const name of await hostNames()) {
    const state = await readJsonFile(hostPaths(name).state, stateSchema);
    if (!state || !isAlive(state.qemu)) continue;
    found.push({ name, file: state.file, startedAt: state.startedAt, qemuPid: state.qemu.pid });
  }
  return found;
}

/** The one that is meant when nobody says a name: the only one, or "default". */
async function chooseHost(): Promise<string> {
  const names = (await listHosts()).map((host) => host.name);
  if (names.length === 1) return names[0] as string;
  if (names.length === 0 || names.includes(DEFAULT_HOST)) return DEFAULT_HOST;
  const message = `${names.length} hosts are running: ${names.join(", ")}`;
  throw new ApiError({ code: "invalid", message, fix: "say which: --host NAME" });
}

const ADOPT_MS = 30_000;
/** Exit code of a daemon that found another one serving its host. */
export const EXIT_SERVED = 3;

/** A client of the named host, of the only one that runs, or of "default". */
export async function connectHost(name?: string): Promise<HostClient> {
  const paths = hostPaths(name ?? (await chooseHost()), runRoot());
  const state = await readJsonFile(paths.state, stateSchema);
  if (!state) throw noHost(name);
  await checkPrivate(paths.dir);
  if (await answers(paths)) return new HostClient(paths.name, paths.api);
  if (!isAlive(state.qemu)) throw noHost(name);
  const daemon = spawnDaemon(paths);
  await awaitDaemon(paths, daemon, ADOPT_MS);
  return new HostClient(paths.name, paths.api);
}

/** Whether somebody serves it. */
async function answers(paths: HostPaths): Promise<boolean> {
  const transport = new Transport(paths.api);
  try {
    await transport.json("GET", "/v1/daemon");
    return true;
  } catch (error) {
    if (isNobody(error) || (error instanceof ApiError && ["no-host", "unavailable"].includes(error.code))) return false;
    throw error;
  }
}

export interface SpawnedDaemon {
  readonly pid: number;
  /** undefined while it runs. */
  exitCode(): number | undefined;
}

/** Starts the background process of a host, in a session of its own. */
export function spawnDaemon(paths: HostPaths): SpawnedDaemon {
  const log = openSync(paths.daemonLog, "a", 0o600);
  const main = new URL("./main.ts", import.meta.url).pathname;
  const args = ["--import", import.meta.resolve("tsx"), main, "--host", paths.name];
  const env = { ...process.env, TYPEONE_RUN_DIR: runRoot() };
  const child = spawn(process.execPath, args, { cwd: "/", detached: true, stdio: ["ignore", log, log], env });
  closeSync(log);
  let exitCode: number | undefined;
  child.once("error", () => (exitCode ??= -1));
  child.once("exit", (code) => (exitCode ??= code ?? -1));
  child.unref();
  return { pid: child.pid ?? -1, exitCode: () => exitCode };
}

/** Waits until it serves; ApiError when it ends before. */
export async function awaitDaemon(paths: HostPaths, daemon: SpawnedDaemon, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await answers(paths)) return;
    const code = daemon.exitCode();
    // Another daemon was faster: that one will serve.
    const gone = code !== undefined && code !== EXIT_SERVED;
    if (gone && !(await answers(paths))) {
      const ended = await readJsonFile(paths.ended, endedSchema);
      const locked = ended && lockedImage(ended.message);
      if (locked) throw new ApiError({ code: "busy", ...locked });
      const message = ended?.message ?? "the background process of this host did not start";
      throw new ApiError({ code: "unavailable", message, fix: `look at ${paths.daemonLog}` });
    }
    if (Date.now() > deadline) {
      const message = `the background process of host ${paths.name} did not come up`;
      throw new ApiError({ code: "timeout", message, fix: `look at ${paths.daemonLog}` });
    }
    await sleep(50);
  }
}
