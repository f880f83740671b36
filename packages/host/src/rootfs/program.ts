// SPDX-License-Identifier: Apache-2.0
// Runs a program of the workstation for its bytes: standard output as a buffer, standard input from one. Called by the
// image's steps; text programs go through ../run.ts.
import { spawn } from "node:child_process";
import { StepError, lastLines } from "../errors.ts";
import { findProgram } from "../run.ts";

export interface ByteCall {
  /** The step's name for errors. */
  readonly step: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: Buffer | string;
}

/** What the program writes; rejects with a StepError that carries its message when it fails. */
export async function runForBytes({ step, program, args, input }: ByteCall): Promise<Buffer> {
  const found = await findProgram(program);
  if (!found) throw new StepError({ step, why: `${program} is not on this machine`, fix: "run: npm run doctor" });
  return new Promise((resolve, reject) => {
    const child = spawn(found, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    const chunks: Buffer[] = [];
    let messages = "";
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => (messages = (messages + chunk.toString()).slice(-65536)));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    child.on("error", (error) => reject(new StepError({ step, why: error.message })));
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(new StepError({ step, why: lastLines(messages, 4) || `${program} ended with code ${String(code)}` }));
    });
  });
}

/** Does `work` for each of `items`, `width` at a time; answers the results in the items' order. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
