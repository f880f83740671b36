// SPDX-License-Identifier: Apache-2.0
// What the API's handlers work with, and how the channel's refusals become the API's errors.
import { ChannelError, type ChannelClient, ChannelTimeout, type GuestInfo, LinkLost } from "@typeone/protocol";
import { listGuests, OPERATIONS, SessionLost } from "@typeone/protocol";
import { StepError } from "@typeone/host";
import type { Clock } from "./convert.ts";
import { ApiError } from "./errors.ts";
import type { HypervisorLink } from "./link.ts";
import type { Machine } from "./machine.ts";
import type { Recorder } from "./recorder.ts";
import type { HostPaths } from "./run-dir.ts";
import type { HostState } from "./state.ts";
import type { Uart } from "./uart.ts";

export interface Service {
  readonly paths: HostPaths;
  readonly state: HostState;
  readonly machine: Machine;
  readonly link: HypervisorLink;
  readonly recorder: Recorder;
  readonly uart: Uart;
  readonly log: (line: string) => void;
  /** Ends the daemon, with the machine or without; resolves when the machine is gone, if it is to go. */
  stop(host: "end" | "keep"): Promise<void>;
}

/** The guest that a person means: by name, or by its number if no guest has that as its name. */
export async function findGuest(client: ChannelClient, name: string): Promise<GuestInfo> {
  const guests = await listGuests(client);
  const found =
    guests.find((guest) => guest.name === name) ??
    (/^\d{1,5}$/.test(name) ? guests.find((guest) => guest.id + 1 === Number(name)) : undefined);
  if (found) return found;
  const names = guests.map((guest) => guest.name);
  const fix = names.length === 0 ? "create one with: typeone create FILE" : `there are: ${names.join(", ")}`;
  throw new ApiError({ code: "not-found", message: `there is no guest ${name}`, fix });
}

export async function clockOf(client: ChannelClient): Promise<Clock> {
  const { answer } = await client.call(OPERATIONS.HostInfo, {});
  return { ticksPerSecond: client.host?.ticksPerSecond ?? 0n, now: answer.now };
}

const CODES: Readonly<Record<string, string>> = {
  Invalid: "state",
  NoMemory: "no-memory",
  NotFound: "not-found",
  Range: "invalid",
  Busy: "busy",
  Unsupported: "unsupported",
  Malformed: "invalid",
  Limit: "limit",
  Session: "unavailable",
  Stale: "unavailable",
  Exists: "exists",
};

/** Anything that was thrown, as what the client is told. */
export function toApiError(error: unknown, subject = ""): ApiError {
  if (error instanceof ApiError) return error;
  const prefix = subject === "" ? "" : `${subject}: `;
  if (error instanceof ChannelError) {
    const code = CODES[error.code] ?? "internal";
    return new ApiError({ code, message: error.words === "" ? `${prefix}${error.message}` : error.words });
  }
  if (error instanceof ChannelTimeout) return new ApiError({ code: "timeout", message: prefix + error.message });
  if (error instanceof SessionLost || error instanceof LinkLost)
    return new ApiError({ code: "unavailable", message: prefix + error.message });
  if (error instanceof StepError) {
    const fix = error.fix === undefined ? {} : { fix: error.fix };
    return new ApiError({ code: "invalid", message: error.message, ...fix });
  }
  return new ApiError({ code: "internal", message: prefix + (error instanceof Error ? error.message : String(error)) });
}
