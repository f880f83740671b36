// SPDX-License-Identifier: Apache-2.0
// The daemon's link to its hypervisor: connects to QEMU's socket, begins a session, and does both again whenever they
// end, as long as the machine lives. Everything else asks it for the client of the moment.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ChannelClient, ChannelTimeout, type ClientOptions, LinkLost, SessionLost } from "@typeone/protocol";
import type { ChannelInfo } from "./api.ts";
import { ApiError } from "./errors.ts";

export interface LinkOptions {
  readonly socket: string;
  readonly channel?: ClientOptions;
  readonly log: (line: string) => void;
}

/** A session that has begun; `signal` says when it is over. */
export interface Session {
  readonly client: ChannelClient;
  readonly signal: AbortSignal;
  /** Sessions that the hypervisor itself ended so far: it was reset, its streams began anew. */
  readonly resets: number;
}

const RETRY_MS = 100;
const HELLO_MS = 3000;
const SILENT_MS = 8000;
const READY_MS = 10_000;

export class HypervisorLink {
  readonly #options: LinkOptions;
  readonly #ready = new Set<(session: Session) => void>();
  #session: Session | undefined;
  #client: ChannelClient | undefined;
  #resets = 0;
  #trouble = "the hypervisor is starting";

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Hears of each session that begins. */
  onSession(listener: (session: Session) => void): void {
    this.#ready.add(listener);
  }

  /** The client, once there is a session; "unavailable" when there is none for some seconds. */
  async client(timeoutMs = READY_MS): Promise<ChannelClient> {
    if (this.#session) return this.#session.client;
    const session = await new Promise<Session | undefined>((resolve) => {
      const listener = (begun: Session) => (this.#ready.delete(listener), clearTimeout(timer), resolve(begun));
      const timer = setTimeout(() => (this.#ready.delete(listener), resolve(undefined)), timeoutMs);
      this.#ready.add(listener);
    });
    if (session) return session.client;
    const fix = "look at the host's serial line: typeone run shows it, uart.log in the run directory keeps it";
    throw new ApiError({ code: "unavailable", message: `${this.#trouble}: it does not answer`, fix });
  }

  info(): Pick<ChannelInfo, "state" | "daemon" | "resent" | "lastHeardMs"> {
    const counters = this.#client?.counters ?? { good: 0, bad: 0, resent: 0, lastHeard: 0 };
    const lastHeardMs = counters.lastHeard === 0 ? -1 : Date.now() - counters.lastHeard;
    const state = !this.#session ? "connecting" : lastHeardMs > SILENT_MS ? "silent" : "ready";
    return { state, daemon: { good: counters.good, bad: counters.bad }, resent: counters.resent, lastHeardMs };
  }

  /** Until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const socket = await open(this.#options.socket);
      if (!socket) {
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      const client = new ChannelClient(socket, this.#options.channel);
      this.#client = client;
      const stop = () => void client.close();
      signal.addEventListener("abort", stop, { once: true });
      await this.#sessions(client, signal);
      signal.removeEventListener("abort", stop);
      socket.destroy();
    }
  }

  async #sessions(client: ChannelClient, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      const over = new AbortController();
      const ended = new Promise<Error>((resolve) => {
        const unlisten = client.onEnd((why) => (unlisten(), resolve(why)));
      });
      try {
        const host = await client.hello({ timeoutMs: HELLO_MS, signal });
        this.#options.log(`session with release ${host.release}, build ${host.build}`);
        failures = 0;
      } catch (error) {
        if (error instanceof LinkLost || signal.aborted) return;
        if (!(error instanceof ChannelTimeout || error instanceof SessionLost)) {
          this.#trouble = error instanceof Error ? error.message : String(error);
          this.#options.log(`no session: ${this.#trouble}`);
        }
        await sleep(Math.min(RETRY_MS * 2 ** Math.min(failures++, 6), 5000));
        continue;
      }
      this.#session = { client, signal: over.signal, resets: this.#resets };
      for (const listener of [...this.#ready]) listener(this.#session);
      const why = await ended;
      this.#session = undefined;
      over.abort();
      this.#trouble = "the hypervisor went away";
      if (!signal.aborted) this.#options.log(`session over: ${why.message}`);
      if (why instanceof LinkLost) return;
      this.#resets++;
      await sleep(RETRY_MS);
    }
  }
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
