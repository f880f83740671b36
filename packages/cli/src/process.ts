// SPDX-License-Identifier: Apache-2.0
// The process `typeone`: makes the context that verbs run in (streams, colours, signals, hosts), runs the command line,
// and ends with its exit code. Called by main.ts with the real hosts and by tests with others.
import { createProgress } from "@typeone/host";
import type { Ask, Context, Output } from "./context.ts";
import { runCli } from "./dispatch.ts";
import { EXIT } from "./exit-codes.ts";
import type { HostStarter } from "./host-client.ts";
import { styleOf } from "./output/style.ts";
import { VERBS } from "./verbs/index.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A second Ctrl-C does not wait for anything. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Whoever reads our output may stop reading: `typeone ls | head -1`. */
function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    throw error;
  });
}

const ask: Ask = async (question) => {
  const { confirm } = await import("@clack/prompts");
  return (await confirm({ message: question, initialValue: false, output: process.stderr })) === true;
};

function makeContext(hosts: HostStarter, signal: AbortSignal): Context {
  const { env, stdin, stdout, stderr } = process;
  const hostName = env["TYPEONE_HOST"] || undefined;
  return {
    stdin,
    stdout: stdout as Output,
    stderr: stderr as Output,
    style: styleOf(stdout, env),
    errorStyle: styleOf(stderr, env),
    env,
    cwd: process.cwd(),
    hostName,
    format: "table",
    signal,
    progress: createProgress(stderr),
    hosts,
    ask,
    now: () => Date.now(),
    connect: () => hosts.connect(hostName),
  };
}

/** Does what the command line says and ends the process. */
export async function startProcess(hosts: HostStarter): Promise<never> {
  endWithReader();
  const exit = await runCli(VERBS, process.argv.slice(2), makeContext(hosts, untilSignal()));
  // Sockets and timers of what is over keep nothing alive.
  process.exit(exit);
}
