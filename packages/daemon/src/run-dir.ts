// SPDX-License-Identifier: Apache-2.0
// Where a running host keeps its sockets, state and logs: one folder per host that nobody else can look into, in
// $XDG_RUNTIME_DIR/typeone or, without that, /tmp/typeone-<uid>. Called by the daemon and by its clients. A folder that
// somebody else made there is refused.
import { chmod, lstat, mkdir, readdir } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ApiError, codeOf } from "./errors.ts";

export interface HostPaths {
  readonly name: string;
  readonly dir: string;
  /** The daemon's API. */
  readonly api: string;
  /** QEMU's ends of the channel, the serial line and the control socket. */
  readonly channel: string;
  readonly uart: string;
  readonly qmp: string;
  readonly uartLog: string;
  readonly qemuLog: string;
  readonly daemonLog: string;
  readonly hypervisorLog: string;
  /** What to start, what runs, who serves it, and how it ended. */
  readonly plan: string;
  readonly state: string;
  readonly lock: string;
  readonly ended: string;
  readonly consoles: string;
  readonly crashes: string;
  readonly boot: string;
}

export const DEFAULT_HOST = "default";
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,30}$/;
/** What a socket's name may have in bytes, on Linux. */
const MOST_SOCKET_PATH = 107;

/** The folder of all hosts of this user. */
export function runRoot(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["TYPEONE_RUN_DIR"];
  if (own) return path.resolve(own);
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime) return path.join(runtime, "typeone");
  return path.join(os.tmpdir(), `typeone-${process.getuid?.() ?? "user"}`);
}

export function hostPaths(name: string, root = runRoot()): HostPaths {
  if (!NAME.test(name)) {
    const message = `${JSON.stringify(name)} is no name for a host`;
    throw new ApiError({ code: "invalid", message, fix: "use 1 to 31 of the characters A-Z a-z 0-9 . _ -" });
  }
  const dir = path.join(root, name);
  const at = (file: string): string => path.join(dir, file);
  const channel = at("channel.sock");
  if (Buffer.byteLength(channel) > MOST_SOCKET_PATH) {
    const message = `${channel} is too long for a socket's name (${MOST_SOCKET_PATH} bytes)`;
    throw new ApiError({ code: "invalid", message, fix: "set TYPEONE_RUN_DIR to a shorter folder" });
  }
  return {
    name,
    dir,
    api: at("api.sock"),
    channel,
    uart: at("uart.sock"),
    qmp: at("qmp.sock"),
    uartLog: at("uart.log"),
    qemuLog: at("qemu.log"),
    daemonLog: at("daemon.log"),
    hypervisorLog: at("hypervisor.log"),
    plan: at("plan.json"),
    state: at("state.json"),
    lock: at("daemon.pid"),
    ended: at("ended.json"),
    consoles: at("consoles"),
    crashes: at("crashes"),
    boot: at("boot"),
  };
}

/** Error unless `dir` is a real folder of ours that nobody else can enter. */
export async function checkPrivate(dir: string): Promise<void> {
  const info = await lstat(dir);
  const refuse = (why: string): never => {
    const fix = `look at it, then remove it or set TYPEONE_RUN_DIR to another folder`;
    throw new ApiError({ code: "unsafe", message: `${dir} ${why}; it is not used`, fix });
  };
  if (!info.isDirectory()) refuse("is not a folder");
  if (info.uid !== process.getuid?.()) refuse(`belongs to another user (${info.uid})`);
  if ((info.mode & 0o077) !== 0) refuse(`can be entered by others (mode ${(info.mode & 0o777).toString(8)})`);
}

async function makePrivate(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
    await chmod(dir, 0o700);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  await checkPrivate(dir);
}

/** Makes the host's folder and those in it. */
export async function makeRunDir(paths: HostPaths): Promise<void> {
  await mkdir(path.dirname(path.dirname(paths.dir)), { recursive: true });
  for (const dir of [path.dirname(paths.dir), paths.dir, paths.consoles, paths.crashes, paths.boot])
    await makePrivate(dir);
}

/** Names of the hosts that have a folder, running or not. */
export async function hostNames(root = runRoot()): Promise<string[]> {
  const entries = await readdir(root).catch(() => []);
  return entries.filter((name) => NAME.test(name)).sort();
}
