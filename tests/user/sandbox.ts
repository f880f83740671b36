// SPDX-License-Identifier: Apache-2.0
// Where the user tests run `typeone`: a run directory of their own, so that no host of the person who tests is touched,
// and an end that leaves no process behind whatever happened.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REPO_ROOT } from "@typeone/host";
import { Pty } from "../../packages/cli/src/testing/pty.ts";

const BIN = path.join(REPO_ROOT, "bin");
export const TYPEONE = path.join(BIN, "typeone");
/** How long one command may take; three times and more of what a busy machine needs. */
const COMMAND_MS = 90_000;

/** Settings of the person who tests that would change what is tested. */
const OF_THE_PERSON = new Set(["TYPEONE_HOST", "TYPEONE_RUN_DIR", "TYPEONE_DEBUG", "FORCE_COLOR"]);

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Terminal {
  readonly rows?: number;
  readonly columns?: number;
}

export type Words = string | readonly string[];

const split = (words: Words): readonly string[] => (typeof words === "string" ? words.split(" ") : words);
const shown = (words: Words): string => `typeone ${split(words).join(" ")}`;

/** Lines of a JavaScript stack: a user's mistake never shows them. */
const STACK = /^\s+at .*(:\d+:\d+|\(node:)/m;

export class Sandbox {
  /** Short, because sockets' names are. */
  readonly dir = mkdtempSync(path.join(os.tmpdir(), "t1-user-"));
  readonly #terminals = new Set<Pty>();

  get env(): NodeJS.ProcessEnv {
    const others = Object.entries(process.env).filter(([name]) => !OF_THE_PERSON.has(name));
    return { ...Object.fromEntries(others), XDG_RUNTIME_DIR: this.dir, NO_COLOR: "1" };
  }

  /** Writes a file of the sandbox; answers its path. */
  file(name: string, text: string): string {
    const file = path.join(this.dir, name);
    writeFileSync(file, text);
    return file;
  }

  /** Runs a command line without a terminal to its end. */
  run(words: Words, input = ""): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = spawn(TYPEONE, split(words), { cwd: REPO_ROOT, env: this.env, stdio: "pipe" });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
      child.stdin.on("error", () => undefined).end(input);
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`${shown(words)} did not end within ${COMMAND_MS / 1000} s\n${err}`));
      }, COMMAND_MS);
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(timer);
        if (STACK.test(err)) reject(new Error(`${shown(words)} shows a stack trace\n${err}`));
        else resolve({ code: code ?? 128, out, err });
      });
    });
  }

  /** Runs it; it must succeed. Answers standard output. */
  async ok(words: Words, input = ""): Promise<string> {
    const { code, out, err } = await this.run(words, input);
    assert.equal(code, 0, `${shown(words)} ended with ${code}\n${err}`);
    return out;
  }

  /** Runs it; it must fail with this exit code and say something. Answers standard error. */
  async fails(words: Words, wanted: number): Promise<string> {
    const { code, err } = await this.run(words);
    assert.equal(code, wanted, `${shown(words)} ended with ${code} instead of ${wanted}\n${err}`);
    assert.match(err, /error/, `${shown(words)} says nothing`);
    return err;
  }

  async json<T>(words: Words): Promise<T> {
    const text = await this.ok([...split(words), "-o", "json"]);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new Error(`${shown(words)} -o json is no JSON:\n${text.slice(0, 500)}`);
    }
  }

  /** Any command in a terminal. */
  open(command: readonly string[], { rows = 24, columns = 100 }: Terminal = {}): Pty {
    const pty = Pty.spawn(command, { rows, columns, cwd: REPO_ROOT, env: this.env });
    this.#terminals.add(pty);
    return pty;
  }

  /** A verb in a terminal. */
  terminal(words: Words, size: Terminal = {}): Pty {
    return this.open([TYPEONE, ...split(words)], size);
  }

  /** A verb in a terminal, whose modes are shown when it has ended: see `restored`. */
  watched(words: Words, size: Terminal = {}): Pty {
    const line = [TYPEONE, ...split(words)].map((word) => `'${word}'`).join(" ");
    const modes = "stty -a | grep -o -e '-\\?icanon' -e '-\\?echo\\b'";
    return this.open(["/bin/sh", "-c", `${line}; code=$?; ${modes}; echo "code=$code"; exit $code`], size);
  }

  /** Looks until it holds; what was seen last is in the error. */
  async until<T>(what: string, look: () => Promise<T>, done: (value: T) => boolean, limitMs = 60_000): Promise<T> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const start = Date.now();
      const value = await look();
      if (done(value)) return value;
      if (Date.now() > deadline)
        throw new Error(`${what}: not within ${limitMs / 1000} s; last seen: ${JSON.stringify(value).slice(-800)}`);
      // A command takes a hart's worth of time; what is waited for needs some too.
      await sleep(Math.max(50, Date.now() - start));
    }
  }

  /** Ends terminals that a case left open. */
  async closeTerminals(): Promise<void> {
    await Promise.all([...this.#terminals].map((pty) => pty.kill()));
    this.#terminals.clear();
  }

  /** Ends everything that was started with this sandbox's environment, and removes the folder. */
  destroy(): void {
    // Twice: what was just being started the first time.
    for (let turn = 0; turn < 2; turn++) for (const pid of this.#processes()) kill(pid);
    rmSync(this.dir, { recursive: true, force: true });
  }

  #processes(): number[] {
    const mark = `XDG_RUNTIME_DIR=${this.dir}`;
    const numbers = readdirSync("/proc").map(Number).filter(Number.isInteger);
    return numbers.filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
      } catch {
        return false;
      }
    });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Waits for the end of a watched verb; the terminal must be cooked again. Answers the exit code. */
export async function restored(pty: Pty): Promise<number> {
  await pty.expect(/(?<!-)icanon\s+echo\s+code=\d+/, 60_000);
  return pty.exited;
}
