// SPDX-License-Identifier: Apache-2.0
// The background process: `main.ts --host NAME`. Adopts the QEMU that state.json names, or starts the one that plan.json
// describes. Two for one host are not possible: the second one ends at once.
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { messageOf } from "@typeone/host";
import { EXIT_SERVED } from "./connect.ts";
import { openDaemonLog } from "./daemon-log.ts";
import { runDaemon } from "./daemon.ts";
import { takeLock } from "./lock.ts";
import { adoptMachine, endMachine, type Machine, startMachine } from "./machine.ts";
import { isAlive } from "./process-id.ts";
import { DEFAULT_HOST, type HostPaths, hostPaths, makeRunDir } from "./run-dir.ts";
import { type HostState, planSchema, readJsonFile, stateSchema, writeJsonFile } from "./state.ts";

async function obtainMachine(paths: HostPaths): Promise<{ machine: Machine; state: HostState }> {
  const known = await readJsonFile(paths.state, stateSchema);
  if (known && isAlive(known.qemu)) return { machine: adoptMachine(known.qemu), state: known };
  const plan = await readJsonFile(paths.plan, planSchema);
  if (!plan) throw new Error("there is nothing to start: plan.json is missing");
  // A plan is for one start: a daemon that comes after the host's end must not start it again.
  rmSync(paths.plan, { force: true });
  const machine = await startMachine(paths, plan);
  const startedAt = new Date().toISOString();
  const disks = plan.disks === undefined ? {} : { disks: plan.disks };
  const state: HostState = { version: 1, name: plan.name, file: plan.file, qemu: machine.id, startedAt, ...disks };
  try {
    await writeJsonFile(paths.state, state);
  } catch (error) {
    await endMachine(machine);
    throw error;
  }
  return { machine, state };
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { host: { type: "string", default: DEFAULT_HOST } } });
  process.umask(0o077);
  const paths = hostPaths(values.host);
  await makeRunDir(paths);
  const lock = takeLock(paths.lock);
  if (!lock) return EXIT_SERVED;
  const { write: log } = openDaemonLog(paths.daemonLog);
  try {
    const { machine, state } = await obtainMachine(paths);
    const daemon = await runDaemon({ paths, state, machine });
    // A person's Ctrl-C at the terminal that started us is not meant for the host.
    process.on("SIGHUP", () => undefined);
    process.on("SIGINT", () => void daemon.service.stop("keep"));
    process.on("SIGTERM", () => void daemon.service.stop("keep"));
    await daemon.stopped;
    return 0;
  } catch (error) {
    log(`cannot serve: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const message = messageOf(error);
    await writeJsonFile(paths.ended, {
      ...{ version: 1, endedAt: new Date().toISOString(), code: null, signal: null },
      message,
    });
    return 1;
  } finally {
    lock.release();
  }
}

process.exit(await main());
