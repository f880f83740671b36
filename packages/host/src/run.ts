// SPDX-License-Identifier: Apache-2.0
// Runs a program of the workstation to its end: arguments as a list (never through a shell), output captured, optional
// status pipe on descriptor 3. Called by provisioning and by `doctor`. It never throws for an exit code: the caller
// decides what a failure means.
import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line that the program writes to descriptor 3 (apt's machine-readable progress). */
  readonly onStatusLine?: (line: string) => void;
  /** Called with each line of standard output or error as it comes. */
  readonly onLine?: (line: string) => void;
  /** Ends the program after this long; the result then has `timedOut`. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** Exit code; -1 when the program could not be started or was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}

export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: "C.UTF-8", ...options.env },
      stdio: ["ignore", "pipe", "pipe", options.onStatusLine ? "pipe" : "ignore"],
    });
    const { stdout: out, stderr: err } = child as unknown as { stdout: Readable; stderr: Readable };
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    const keep = (line: string) => options.onLine?.(line);
    eachLine(out, (line) => ((stdout += `${line}\n`), keep(line)));
    eachLine(err, (line) => ((stderr += `${line}\n`), keep(line)));
    const status = child.stdio[3] as Readable | null | undefined;
    if (status && options.onStatusLine) eachLine(status, options.onStatusLine);
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          child.kill("SIGKILL");
        }, options.timeoutMs)
      : undefined;
    const finish = (code: number) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, timedOut });
    };
    child.on("error", (error) => {
      stderr += `${error.message}\n`;
      finish(-1);
    });
    child.on("close", (code) => finish(code ?? -1));
  });
}

/** Full path of `program` on PATH (and in the system directories that a user's PATH may lack), or undefined. */
export async function findProgram(program: string): Promise<string | undefined> {
  if (program.includes("/")) return (await isExecutable(program)) ? program : undefined;
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/bin", "/usr/sbin", "/bin", "/sbin"];
  for (const folder of folders) {
    if (folder === "") continue;
    const candidate = path.join(folder, program);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
