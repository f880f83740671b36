// SPDX-License-Identifier: Apache-2.0
// One boot of the real image whose steps go over the management channel. Run by ../run.ts like every other scenario.
import { type ChannelBoot, ChannelHost } from "./host.ts";

export interface ChannelScenario extends ChannelBoot {
  readonly timeoutMs?: number;
  /** What is done and must hold; throws what is wrong. No session is begun before it. */
  readonly act: (host: ChannelHost) => Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** Rejects with what is wrong, the end of the serial line in the error. */
export async function runChannelScenario(scenario: ChannelScenario, hypervisor: string): Promise<void> {
  const stop = new AbortController();
  const limit = scenario.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = setTimeout(() => stop.abort(new Error(`not over after ${limit / 1000} s`)), limit);
  const host = await ChannelHost.start(scenario, hypervisor, stop.signal);
  void host.machine.exited.then(() => stop.abort(new Error("QEMU ended")));
  try {
    const aborted = new Promise<never>((_, reject) =>
      stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error)),
    );
    await Promise.race([scenario.act(host), aborted]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // Frames on the serial line are not for people.
    const tail = host.transcript.tail().replace(/[^\n\x20-\x7e]+/g, "·");
    throw new Error(`${why}\n${tail.slice(-2000)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    await host.stop();
  }
}
