// SPDX-License-Identifier: Apache-2.0
// One running host's background process, put together: machine, link, recorder, API. Started by main.ts; tests put a
// machine of their own in. It lives as long as the machine does, or until it is told to stop.
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { ClientOptions } from "@typeone/protocol";
import { openDaemonLog } from "./daemon-log.ts";
import { HypervisorLink } from "./link.ts";
import { endMachine, type Machine } from "./machine.ts";
import { Recorder } from "./recorder.ts";
import type { HostPaths } from "./run-dir.ts";
import { serveApi } from "./server.ts";
import type { Service } from "./service.ts";
import { type HostState, writeJsonFile } from "./state.ts";
import { Uart } from "./uart.ts";

export interface DaemonOptions {
  readonly paths: HostPaths;
  readonly state: HostState;
  readonly machine: Machine;
  readonly channel?: ClientOptions;
}

export interface RunningDaemon {
  readonly service: Service;
  /** Resolves when it has stopped serving, and says what became of the machine. */
  readonly stopped: Promise<"kept" | "ended">;
}

export async function runDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { paths, state, machine } = options;
  const { write: log } = openDaemonLog(paths.daemonLog);
  const over = new AbortController();
  const link = new HypervisorLink({
    socket: paths.channel,
    log,
    ...(options.channel ? { channel: options.channel } : {}),
  });
  const recorder = new Recorder({ paths, link, log, run: `${state.qemu.pid}.${state.qemu.startTime}` });
  const uart = new Uart(paths.uart, paths.uartLog);
  const asked = promise<"end" | "keep">();
  const gone = promise<void>();
  const stop = async (host: "end" | "keep"): Promise<void> => {
    asked.resolve(host);
    await gone.promise;
  };
  const service: Service = { paths, state, machine, link, recorder, uart, log, stop };
  const app = await serveApi(service);
  log(`serving host ${paths.name}, QEMU ${machine.id.pid}`);
  const running = link.run(over.signal);
  const finish = async (): Promise<"kept" | "ended"> => {
    const how = await Promise.race([asked.promise, machine.exited]);
    if (how !== "keep") {
      const ended = how === "end" ? await endMachine(machine) : how;
      await writeJsonFile(paths.ended, ended);
      rmSync(paths.state, { force: true });
    }
    gone.resolve();
    await close(app, service);
    over.abort();
    await running;
    log(`host ${paths.name}: ${how === "keep" ? "left running" : "ended"}`);
    return how === "keep" ? "kept" : "ended";
  };
  return { service, stopped: finish() };
}

function promise<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => undefined;
  const made = new Promise<T>((done) => (resolve = done));
  return { promise: made, resolve: (value) => resolve(value) };
}

const CLOSE_MS = 2000;

async function close(app: FastifyInstance, { uart, paths }: Service): Promise<void> {
  uart.close();
  // The answer to who asked for it goes out first.
  await sleep(20);
  for (const client of app.websocketServer.clients) client.close(1001, "the host has ended");
  const timer = setTimeout(() => {
    for (const client of app.websocketServer.clients) client.terminate();
  }, CLOSE_MS);
  await app.close();
  clearTimeout(timer);
  rmSync(paths.api, { force: true });
}
