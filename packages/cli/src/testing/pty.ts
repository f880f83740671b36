// SPDX-License-Identifier: Apache-2.0
// A program behind a pseudo-terminal, for tests that act as a person would: type, read the screen, resize, look at how it
// ended. Stands on `script` of util-linux, which every Debian has, so that no native module has to be built.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";

export interface PtyOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

export class Pty {
  /** Everything that the program wrote, terminal sequences and all. */
  output = "";
  /** Resolves with the exit code; 128 + signal if one ended it. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #code: number | undefined;
  #read = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.#wake();
    });
    child.stdin?.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#code = code ?? (signal ? 128 : 1);
        this.#wake();
        resolve(this.#code);
      });
    });
  }

  /** Starts a program with its arguments in a terminal of its own. */
  static spawn(command: readonly string[], options: PtyOptions = {}): Pty {
    const { rows = 24, columns = 80 } = options;
    const shell = `stty rows ${rows} cols ${columns}; exec ${command.map(quote).join(" ")}`;
    const child = spawn("script", ["--quiet", "--flush", "--return", "--command", shell, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      cwd: options.cwd,
      // The shell that `script` runs the line with.
      env: { ...process.env, TERM: "xterm-256color", SHELL: "/bin/sh", ...options.env },
    });
    return new Pty(child);
  }

  get running(): boolean {
    return this.#code === undefined;
  }

  /** What was written without terminal sequences. */
  get text(): string {
    return stripVTControlCharacters(this.output);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for text that was not waited for before; answers what came up to its end. */
  async expect(pattern: RegExp | string, timeoutMs = 20_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const fresh = stripVTControlCharacters(this.output).slice(this.#read);
      const match = typeof pattern === "string" ? indexOf(fresh, pattern) : pattern.exec(fresh);
      if (match) {
        const end = match.index + match[0].length;
        this.#read += end;
        return fresh.slice(0, end);
      }
      const left = deadline - Date.now();
      if (left <= 0 || !this.running)
        throw new Error(`${left <= 0 ? "no" : "ended without"} ${String(pattern)} in:\n${fresh.slice(-2000)}`);
      await this.#news(left);
    }
  }

  /** Changes the size of the window, as a person drags its corner. */
  async resize(rows: number, columns: number): Promise<void> {
    const tty = await this.#ttyOfChild();
    const stty = spawn("stty", ["-F", tty, "rows", String(rows), "cols", String(columns)], { stdio: "ignore" });
    await new Promise((resolve) => stty.once("close", resolve));
  }

  /** A signal to the program itself. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    process.kill(await this.#programPid(), signal);
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    await this.signal("SIGKILL").catch(() => undefined);
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #news(timeoutMs: number): Promise<void> {
    const abort = new AbortController();
    const wake = new Promise<void>((resolve) => this.#waiting.add(resolve));
    await Promise.race([wake, sleep(timeoutMs, undefined, { signal: abort.signal }).catch(() => undefined)]);
    abort.abort();
  }

  /** The child of `script`: the shell, which becomes the program. */
  async #programPid(): Promise<number> {
    const file = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`;
    for (let tries = 0; tries < 100; tries++) {
      const pid = Number.parseInt(await readFile(file, "utf8"), 10);
      if (pid > 0) return pid;
      await sleep(20);
    }
    throw new Error("the program has not started");
  }

  async #ttyOfChild(): Promise<string> {
    const { readlink } = await import("node:fs/promises");
    return readlink(`/proc/${await this.#programPid()}/fd/0`);
  }
}

function indexOf(text: string, wanted: string): { index: number; 0: string } | undefined {
  const index = text.indexOf(wanted);
  return index < 0 ? undefined : { index, 0: wanted };
}
