// SPDX-License-Identifier: Apache-2.0
// Runs a command line of `typeone` inside a test: everything that a process has is a value here.
import { PassThrough } from "node:stream";
import { createProgress } from "@typeone/host";
import type { Context, Input } from "../context.ts";
import { runCli } from "../dispatch.ts";
import { apiError, type FakeHost } from "./fake-host.ts";
import { PLAIN } from "../output/style.ts";
import type { StartOptions } from "../host-client.ts";
import { VERBS } from "../verbs/index.ts";

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Questions that were put to the person. */
  readonly asked: readonly string[];
  readonly started: readonly StartOptions[];
}

export interface RunOptions {
  /** Absent: no host runs. */
  readonly host?: FakeHost;
  readonly stdin?: string;
  /** "yes" and "no" stand for a person at a terminal. */
  readonly answer?: "yes" | "no";
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

/** Words as a shell would split them at spaces. */
export async function typeone(line: string | readonly string[], options: RunOptions = {}): Promise<Result> {
  let [out, err] = ["", ""];
  const asked: string[] = [];
  const started: StartOptions[] = [];
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  const tty = options.answer !== undefined;
  const stderr = { write: (text: string | Uint8Array) => (err += Buffer.from(text).toString()), isTTY: tty };
  const connect = async (name?: string) => {
    if (options.host && (name === undefined || name === "lab")) return options.host.client;
    const message = name === undefined ? "no host is running" : `no host named ${name} is running`;
    throw apiError({ code: "no-host", message, fix: "start one with: typeone run FILE" });
  };
  const context: Context = {
    stdin: Object.assign(stdin, { isTTY: tty }) as unknown as Input,
    stdout: { write: (text) => (out += Buffer.from(text).toString("latin1")) },
    stderr,
    style: PLAIN,
    errorStyle: PLAIN,
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    hostName: undefined,
    format: "table",
    signal: options.signal ?? new AbortController().signal,
    progress: createProgress({ write: (text: string) => (err += text) }),
    hosts: {
      connect,
      start: async (start) => {
        started.push(start);
        return connect();
      },
      list: async () => (options.host ? [{ name: "lab", file: "/tmp/lab.yaml", startedAt: "2026", qemuPid: 100 }] : []),
    },
    ask: async (question) => {
      asked.push(question);
      return options.answer === "yes";
    },
    now: () => Date.now(),
    connect: () => connect(),
  };
  const words = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
  const code = await runCli(VERBS, words, context);
  return { code, out, err, asked, started };
}
