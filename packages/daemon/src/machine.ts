// SPDX-License-Identifier: Apache-2.0
// QEMU as the daemon's child, in a session of its own so that it outlives the daemon; or, for a daemon that comes later,
// as a process that is only known by its number and start time.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines } from "@typeone/host";
import { ApiError } from "./errors.ts";
import { isAlive, type ProcessId, processId, signalProcess } from "./process-id.ts";
import type { HostPaths } from "./run-dir.ts";
import type { Ended, Plan } from "./state.ts";

export interface Machine {
  readonly id: ProcessId;
  /** Resolves when it has ended, however. */
  readonly exited: Promise<Ended>;
}

const WATCH_MS = 250;
const END_MS = 5000;

/** Escapes a value inside a comma-separated QEMU option. */
const quoted = (value: string): string => value.replaceAll(",", ",,");

/** What QEMU needs besides the machine: the serial line and the control socket, both for whoever connects. */
export function socketArgs(paths: HostPaths): string[] {
  const uart = `socket,id=uart,path=${quoted(paths.uart)},server=on,wait=off,logfile=${quoted(paths.uartLog)},logappend=on`;
  return ["-chardev", uart, "-serial", "chardev:uart", "-qmp", `unix:${quoted(paths.qmp)},server=on,wait=off`];
}

/** Starts QEMU; rejects when it ends at once. */
export async function startMachine(paths: HostPaths, plan: Plan): Promise<Machine> {
  for (const file of [paths.channel, paths.uart, paths.qmp, paths.uartLog, paths.qemuLog])
    rmSync(file, { force: true });
  const log = openSync(paths.qemuLog, "a", 0o600);
  const stdio = ["ignore", log, log] as const;
  const child = spawn(plan.qemu, [...plan.args, ...socketArgs(paths)], { cwd: "/", detached: true, stdio: [...stdio] });
  closeSync(log);
  child.unref();
  const exited = new Promise<Ended>((resolve) => {
    const end = (code: number | null, signal: string | null, why = "") => {
      const said = existsSync(paths.qemuLog) ? lastLines(readFileSync(paths.qemuLog, "utf8"), 4) : "";
      resolve(endedNow(code, signal, why || said));
    };
    child.once("error", (error) => end(null, null, error.message));
    child.once("exit", (code, signal) => end(code, signal));
  });
  const id = child.pid === undefined ? undefined : processId(child.pid);
  if (!id) {
    const { message } = await exited;
    throw new ApiError({ code: "unavailable", message: `QEMU did not start: ${message}`, fix: "run: npm run doctor" });
  }
  return { id, exited };
}

/** The QEMU of a daemon before us. */
export function adoptMachine(id: ProcessId): Machine {
  const watch = async (): Promise<Ended> => {
    while (isAlive(id)) await sleep(WATCH_MS);
    return endedNow(null, null, "");
  };
  return { id, exited: watch() };
}

/** Ends it, hard if it does not listen. */
export async function endMachine(machine: Machine): Promise<Ended> {
  signalProcess(machine.id, "SIGTERM");
  const timer = setTimeout(() => signalProcess(machine.id, "SIGKILL"), END_MS);
  try {
    return await machine.exited;
  } finally {
    clearTimeout(timer);
  }
}

function endedNow(code: number | null, signal: string | null, message: string): Ended {
  const how = signal === null ? "" : `QEMU was ended by ${signal}`;
  return { version: 1, endedAt: new Date().toISOString(), code, signal, message: message || how };
}
