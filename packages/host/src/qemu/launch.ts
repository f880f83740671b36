// SPDX-License-Identifier: Apache-2.0
// Starts QEMU with its serial line on a pipe and its control socket in a private folder, and ends it whatever happens to
// us. Called by everything that boots something. The machine's description and what it boots come in as arguments.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { StepError, lastLines, messageOf } from "../errors.ts";
import { findProgram, run } from "../run.ts";
import { Console } from "./console.ts";
import { type MachineOptions, boardArgs } from "./machine.ts";
import { Monitor } from "./monitor.ts";

export interface MachineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What QEMU itself complained about. */
  readonly stderr: string;
}

export interface RunningMachine {
  readonly console: Console;
  readonly monitor: Monitor;
  /** Resolves when QEMU has ended, by itself or killed. */
  readonly exited: Promise<MachineExit>;
  readonly pid: number;
  /** Ends QEMU and waits until it is gone. */
  kill(): Promise<void>;
}

const living = new Set<{ child: ChildProcess; folder: string }>();

function endAll(): void {
  for (const { child, folder } of living) {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
  living.clear();
}

process.on("exit", endAll);

let guarded: "no" | "yes" = "no";

/** From the first launch on, a signal that ends us ends every QEMU of ours too. */
function guardAgainstSignals(): void {
  if (guarded === "yes") return;
  guarded = "yes";
  for (const [signal, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => {
      endAll();
      process.exit(128 + number);
    });
  }
}

/** QEMU's program: TYPEONE_QEMU when set, else qemu-system-riscv64 on the path. */
export async function findQemu(): Promise<string> {
  const wanted = process.env["TYPEONE_QEMU"] ?? "qemu-system-riscv64";
  const found = await findProgram(wanted);
  if (!found)
    throw new StepError({ step: "start QEMU", why: `${wanted} is not on this machine`, fix: "run: npm run doctor" });
  return found;
}

/** Starts QEMU with `args` (see machineArgs) and connects to its serial line and control socket. */
export async function launch(args: readonly string[]): Promise<RunningMachine> {
  const qemu = await findQemu();
  guardAgainstSignals();
  const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-vm-"));
  const socket = path.join(folder, "qmp");
  const serial = ["-chardev", "stdio,id=serial0,signal=off", "-serial", "chardev:serial0"];
  const control = ["-qmp", `unix:${socket},server=on,wait=off`];
  const child = spawn(qemu, [...args, ...serial, ...control], { stdio: ["pipe", "pipe", "pipe"], detached: false });
  const entry = { child, folder };
  living.add(entry);
  const serialIn = child.stdin;
  const console = new Console((bytes) => {
    if (serialIn.writable) serialIn.write(bytes);
  });
  serialIn.on("error", () => undefined);
  child.stdout.on("data", (bytes: Buffer) => console.feed(bytes));
  let stderr = "";
  child.stderr.on("data", (bytes: Buffer) => (stderr = (stderr + bytes.toString()).slice(-65536)));
  const exited = new Promise<MachineExit>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      living.delete(entry);
      console.close("QEMU ended");
      void rm(folder, { recursive: true, force: true }).then(() => resolve({ code, signal, stderr }));
    };
    child.once("error", (error) => {
      stderr += error.message;
      end(null, null);
    });
    child.once("close", end);
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    const monitor = await Promise.race([
      Monitor.open(socket),
      exited.then((exit) => Promise.reject(new Error(lastLines(exit.stderr, 4)))),
    ]);
    return { console, monitor, exited, pid: child.pid ?? -1, kill };
  } catch (error) {
    await kill();
    throw new StepError({ step: "start QEMU", why: messageOf(error) || lastLines(stderr, 4) });
  }
}

/** The device tree that QEMU makes for this machine, as the firmware gets it. */
export async function dumpHostTree(options: MachineOptions): Promise<Buffer> {
  const qemu = await findQemu();
  const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-dtb-"));
  try {
    const file = path.join(folder, "host.dtb");
    const [flag, machine, ...rest] = boardArgs(options);
    const result = await run(
      qemu,
      [flag as string, `${machine},dumpdtb=${file}`, ...rest, "-nodefaults", "-nic", "none", "-display", "none"],
      {
        timeoutMs: 60_000,
      },
    );
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes) return bytes;
    throw new StepError({ step: "read QEMU's device tree", why: lastLines(result.stderr, 4) || "QEMU wrote none" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
