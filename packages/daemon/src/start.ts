// SPDX-License-Identifier: Apache-2.0
// Starts a host: gets its parts (hypervisor, Debian's files, boot image), writes what QEMU is to be started with, and
// leaves the rest to a background process of its own. Everything that takes long is done here, where the person who
// started it sees the progress.
import { readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { System } from "@typeone/config";
import { fillChosen, formatSize, guestSpec, machineOptions } from "@typeone/config";
import {
  checkForwards,
  composeBoot,
  ensureTools,
  findQemu,
  inStep,
  lastLines,
  messageOf,
  prepareDisks,
  type Progress,
  silentProgress,
  StepError,
} from "@typeone/host";
import type { HostInfo } from "./api.ts";
import { HostClient } from "./client.ts";
import { awaitDaemon, spawnDaemon } from "./connect.ts";
import { debianFiles, needsDebian, resolveGuest } from "./debian.ts";
import { checkUnused, diskFiles, lockedImage } from "./disk-use.ts";
import { ApiError } from "./errors.ts";
import { lockHolder } from "./lock.ts";
import { isAlive } from "./process-id.ts";
import { DEFAULT_HOST, type HostPaths, hostPaths, makeRunDir } from "./run-dir.ts";
import { endedSchema, type Plan, readJsonFile, stateSchema, writeJsonFile } from "./state.ts";

export interface StartOptions {
  readonly system: System;
  /** The host's name; "default" when absent. */
  readonly name?: string;
  /** The hypervisor's ELF or flat Image; built when absent. */
  readonly hypervisor?: string;
  readonly progress?: Progress;
  /** Until the hypervisor answers; 120 s when absent. */
  readonly timeoutMs?: number;
}

const START_MS = 120_000;

/** Starts the host and answers a client of it as soon as its hypervisor answers. It goes on when we end. */
export async function startHost(options: StartOptions): Promise<HostClient> {
  const { system, progress = silentProgress } = options;
  const paths = hostPaths(options.name ?? DEFAULT_HOST);
  await makeRunDir(paths);
  const running = await readJsonFile(paths.state, stateSchema);
  if (running && isAlive(running.qemu)) {
    const message = `a host named ${paths.name} is running already (${running.file})`;
    throw new ApiError({ code: "exists", message, fix: "stop it with: typeone stop, or start with --host NAME" });
  }
  const plan = await makePlan(paths, options);
  await unserved(paths);
  await Promise.all([paths.state, paths.ended].map((file) => rm(file, { force: true })));
  // What guests of a former host of this name said is no part of this one.
  await rm(paths.consoles, { recursive: true, force: true });
  await makeRunDir(paths);
  await writeJsonFile(paths.plan, plan);
  return inStep(progress, `start host ${paths.name}`, async (step) => {
    const timeoutMs = options.timeoutMs ?? START_MS;
    const daemon = spawnDaemon(paths);
    await awaitDaemon(paths, daemon, timeoutMs);
    const client = new HostClient(paths.name, paths.api);
    const { guests, harts } = await awaitHypervisor(paths, client, Date.now() + timeoutMs);
    step.done(`${system.host.machine}, ${harts} harts, ${guests} guests`);
    return client;
  });
}

/** The daemon of a host that has just ended may still be at its last lines. */
async function unserved(paths: HostPaths): Promise<void> {
  for (let turn = 0; lockHolder(paths.lock); turn++) {
    if (turn > 100) throw new ApiError({ code: "busy", message: `the former host ${paths.name} is still ending` });
    await sleep(100);
  }
}

/** Waits until the hypervisor answers; says what QEMU or the serial line said when it never does. */
async function awaitHypervisor(paths: HostPaths, client: HostClient, deadline: number): Promise<HostInfo> {
  for (;;) {
    try {
      return await client.host();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const ended = await readJsonFile(paths.ended, endedSchema);
      const serial = lastLines(await readFile(paths.uartLog, "utf8").catch(() => ""), 6);
      const locked = ended && lockedImage(ended.message);
      if (locked) throw new ApiError({ code: "busy", ...locked });
      if (ended) {
        const message = ["the host ended at once", ended.message, serial].filter((text) => text !== "").join("\n");
        throw new ApiError({ code: "unavailable", message, fix: `look at ${paths.uartLog} and ${paths.qemuLog}` });
      }
      if (error.code !== "unavailable" || Date.now() > deadline) {
        const message = [error.message, serial].filter((text) => text !== "").join("\n");
        throw new ApiError({ ...error.body, message });
      }
    }
  }
}

async function makePlan(
  paths: HostPaths,
  { system, hypervisor, progress = silentProgress }: StartOptions,
): Promise<Plan> {
  const guests = system.guests.filter((guest) => guest.autostart);
  const machine = { ...machineOptions(system.host, system), channel: { socket: paths.channel } };
  await checkForwards(machine.nics ?? []);
  await prepareDisks(machine.disks ?? []);
  const disks = await diskFiles(machine.disks ?? []);
  await checkUnused(paths.name, disks);
  if (hypervisor === undefined || guests.some(needsDebian)) await ensureTools(progress);
  const debian = guests.some(needsDebian) ? await debianFiles(progress) : undefined;
  const image = hypervisor ?? (await build(progress));
  const specs = await Promise.all(
    guests.map(async (guest) => guestSpec(...(await resolveGuest(guest, paths.boot, debian)))),
  );
  const boot = await inStep(progress, "compose the boot image", async (step) => {
    const composed = await composeBoot({
      machine,
      guests: specs,
      hypervisor: image,
      outDir: paths.boot,
      editTree: (tree) => fillChosen(tree.ensure("/chosen"), system),
    });
    step.done(`${specs.length} guests on a host of ${formatSize(system.host.memoryBytes)}`);
    return composed;
  });
  return { version: 1, name: paths.name, file: system.file, qemu: await findQemu(), args: [...boot.args], disks };
}

async function build(progress: Progress): Promise<string> {
  const title = "build the hypervisor";
  return inStep(progress, title, async (step) => {
    try {
      // Loaded only here: the compiler is large, and most of what runs needs none.
      const { buildHypervisor } = await import("@typeone/toolchain");
      const { elf, id } = await buildHypervisor();
      step.done(id);
      return elf;
    } catch (error) {
      throw new StepError({ step: title, why: messageOf(error) });
    }
  });
}
