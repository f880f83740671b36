// SPDX-License-Identifier: Apache-2.0
// QEMU for counting: the serial line goes to a file and comes from a FIFO, because a pipe's or socket's back-pressure
// would reach the guest and make runs differ. One hart, an instruction per nanosecond, fixed seeds and clock.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdir, open, readFile, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BUILD_DIR, DEFAULT_MACHINE, findQemu, type MachineOptions } from "@typeone/host";
import { Gdb } from "./gdb.ts";

export const BENCH_MACHINE: MachineOptions = { ...DEFAULT_MACHINE, harts: 1, memoryMiB: 1024, icount: "on" };
export const BENCH_DIR = path.join(BUILD_DIR, "bench");

const POLL_MS = 50;
const QUIET_MS = 250;
const QUIET_POLLS = 8;
const REPEATABLE = ["-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-no-shutdown"];
let nextPort = 24_000 + (process.pid % 1000) * 8;

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

export class BenchMachine {
  readonly #child: ChildProcess;
  readonly #output: string;
  readonly #input: FileHandle;
  readonly #port: number;

  private constructor(child: ChildProcess, output: string, input: FileHandle, port: number) {
    this.#child = child;
    this.#output = output;
    this.#input = input;
    this.#port = port;
  }

  /** Starts QEMU with `args`: machineArgs of BENCH_MACHINE and what it boots. `name` is the folder for its files. */
  static async start(name: string, args: readonly string[]): Promise<BenchMachine> {
    const folder = path.join(BENCH_DIR, name);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const output = path.join(folder, "serial.txt");
    const fifo = path.join(folder, "input");
    execFileSync("mkfifo", [fifo]);
    const input = await open(fifo, "r+");
    const port = nextPort++;
    const serial = ["-chardev", `file,id=serial0,path=${output},input-path=${fifo}`, "-serial", "chardev:serial0"];
    const all = [...args, ...REPEATABLE, ...serial, "-monitor", "none", "-gdb", `tcp:127.0.0.1:${port}`];
    const child = spawn(await findQemu(), all, { stdio: ["ignore", "ignore", "inherit"] });
    living.add(child);
    child.once("exit", () => living.delete(child));
    return new BenchMachine(child, output, input, port);
  }

  text(): Promise<string> {
    return readFile(this.#output, "latin1").catch(() => "");
  }

  async waitFor(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const text = await this.text();
      const match = pattern.exec(text);
      if (match) return match;
      const over = this.#child.exitCode !== null ? "QEMU ended" : Date.now() > deadline ? "time is over" : undefined;
      if (over)
        throw new Error(`${over} before ${String(pattern)} appeared\n${text.split("\n").slice(-15).join("\n")}`);
      await sleep(POLL_MS);
    }
  }

  async type(text: string): Promise<void> {
    await this.#input.write(text);
  }

  /** Until QEMU has used next to no processor time for a while: nothing is left to do in the machine. */
  async quiet(limitMs = 15_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    const used = async (): Promise<number> => {
      const fields = (await readFile(`/proc/${this.#child.pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]);
    };
    let calm = 0;
    for (let last = await used(); calm < QUIET_POLLS;) {
      if (Date.now() > deadline) throw new Error("the machine does not become quiet: something in it ticks for ever");
      await sleep(QUIET_MS);
      const now = await used();
      calm = now - last <= 1 ? calm + 1 : 0;
      last = now;
    }
  }

  /** The debugger stub; connecting stops the machine. */
  debug(): Promise<Gdb> {
    return Gdb.open(this.#port);
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#input.close();
  }
}
