// SPDX-License-Identifier: Apache-2.0
// A host without QEMU for the daemon's tests: a run directory of its own, a sleeping process in QEMU's place, and a
// hypervisor's end that is a script behind the same sockets.
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Guest } from "@typeone/config";
import { parse } from "@typeone/fdt";
import { FakeHypervisor, type FakeOptions } from "@typeone/protocol/testing";
import { HostClient } from "./client.ts";
import { type RunningDaemon, runDaemon } from "./daemon.ts";
import { adoptMachine } from "./machine.ts";
import { processId } from "./process-id.ts";
import { type HostPaths, hostPaths, makeRunDir } from "./run-dir.ts";
import { type HostState, writeJsonFile } from "./state.ts";

export interface FakeHost {
  readonly root: string;
  readonly paths: HostPaths;
  readonly state: HostState;
  readonly hypervisor: FakeHypervisor;
  /** Stands for QEMU. */
  readonly process: ChildProcess;
  /** What was typed at the serial line. */
  readonly typed: Buffer[];
  /** A daemon in this process, adopting the host. */
  serve(): Promise<RunningDaemon>;
  client(): HostClient;
  /** The serial line shows something. */
  show(text: string): void;
  close(): Promise<void>;
}

function listen(socketPath: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  return new Promise((resolve) => server.listen(socketPath, () => resolve(server)));
}

export const nameOf = (description: Uint8Array): string => parse(description).root.string("typeone,name") ?? "?";

export async function fakeHost(name = "default", fake: FakeOptions = {}): Promise<FakeHost> {
  const root = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
  const paths = hostPaths(name, root);
  await makeRunDir(paths);
  const hypervisor = new FakeHypervisor({ nameOf, ...fake });
  const sockets = new Set<Socket>();
  const typed: Buffer[] = [];
  const keep = (socket: Socket) => (sockets.add(socket), socket.once("close", () => sockets.delete(socket)));
  const channel = await listen(paths.channel, (socket) => {
    keep(socket);
    hypervisor.attach(socket);
  });
  const uart = await listen(paths.uart, (socket) => {
    keep(socket);
    socket.on("data", (bytes: Buffer) => typed.push(bytes));
  });
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  const qemu = processId(child.pid ?? -1);
  if (!qemu) throw new Error("there is no sleep");
  const state: HostState = { version: 1, name, file: "/x.yaml", qemu, startedAt: new Date().toISOString() };
  await writeJsonFile(paths.state, state);
  const daemons: RunningDaemon[] = [];
  const fast = { resendMs: 50, timeoutMs: 3000, pollMs: 100 };
  return {
    ...{ root, paths, state, hypervisor, typed, process: child },
    async serve() {
      const daemon = await runDaemon({ paths, state, machine: adoptMachine(qemu), channel: fast });
      daemons.push(daemon);
      return daemon;
    },
    client: () => new HostClient(name, paths.api),
    show(text) {
      appendFileSync(paths.uartLog, text);
      for (const socket of sockets) if (socket.localAddress === undefined) socket.write("");
    },
    async close() {
      for (const daemon of daemons) {
        void daemon.service.stop("keep");
        await daemon.stopped;
      }
      child.kill("SIGKILL");
      for (const socket of sockets) socket.destroy();
      channel.close();
      uart.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A guest's description whose files exist. */
export async function fakeGuest(folder: string, name: string, kernelBytes = 30_000): Promise<Guest> {
  const kernel = path.join(folder, "Image");
  await writeFile(kernel, Buffer.alloc(kernelBytes, "kernel"));
  return {
    name,
    kernel,
    memoryBytes: 64 << 20,
    vcpus: 1,
    maxVcpus: 1,
    staticMemory: false,
    onCrash: "preserve",
    onReboot: "restart",
    onPoweroff: "preserve",
    restartLimit: 10,
    autostart: true,
  };
}
