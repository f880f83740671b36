// SPDX-License-Identifier: Apache-2.0
// QEMU's control socket (QMP): JSON commands, and the human monitor's commands through it (`info registers`). Called by
// launch.ts and by tests that look at a stuck machine. One command at a time is in flight; answers come in order.
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly QMP?: unknown;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const COMMAND_TIMEOUT_MS = 10_000;

export class Monitor {
  readonly #socket: Socket;
  readonly #pending: Pending[] = [];
  #rest = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#receive(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#failAll());
  }

  /** Connects to QEMU's socket, which appears shortly after the process starts. */
  static async open(socketPath: string, timeoutMs = 10_000): Promise<Monitor> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const attempt = connect(socketPath);
        attempt.once("connect", () => resolve(attempt));
        attempt.once("error", () => resolve(undefined));
      });
      if (socket) {
        const monitor = new Monitor(socket);
        await monitor.execute("qmp_capabilities");
        return monitor;
      }
      if (Date.now() > deadline) throw new Error("QEMU's control socket did not open");
      await sleep(20);
    }
  }

  #receive(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() === "") continue;
      const answer = JSON.parse(line) as Answer;
      if (answer.event !== undefined || answer.QMP !== undefined) continue;
      const pending = this.#pending.shift();
      if (answer.error) pending?.reject(new Error(`QEMU: ${answer.error.desc}`));
      else pending?.resolve(answer.return);
    }
  }

  #failAll(): void {
    for (const pending of this.#pending.splice(0)) pending.reject(new Error("QEMU closed its control socket"));
  }

  /** Runs one QMP command. */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error("QEMU's control socket is closed"));
        return;
      }
      const timer = setTimeout(() => reject(new Error(`QEMU did not answer ${command}`)), COMMAND_TIMEOUT_MS);
      timer.unref();
      this.#pending.push({
        resolve: (value) => (clearTimeout(timer), resolve(value)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      this.#socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}) })}\n`);
    });
  }

  /** Runs one command of the human monitor, e.g. "info registers -a", and answers its text. */
  async human(line: string): Promise<string> {
    return String(await this.execute("human-monitor-command", { "command-line": line }));
  }

  close(): void {
    this.#socket.destroy();
  }
}
