// SPDX-License-Identifier: Apache-2.0
// Everything that the API changes, but for creating guests: states, vCPUs, the host, tracing. What takes time is waited
// for, until the guest is as asked or the time is up.
import {
  type ChannelClient,
  ChannelTimeout,
  type GuestInfo as WireGuest,
  OPERATIONS,
  waitForGuest,
  WireAction,
  WireHostAction,
  WireState,
  WireVcpuAction,
} from "@typeone/protocol";
import type { GuestAction, GuestDetail, GuestInfo, HostAction, VcpuInfo, VcpuPatch } from "./api.ts";
import * as convert from "./convert.ts";
import { ApiError } from "./errors.ts";
import { guestDetail } from "./query.ts";
import { clockOf, findGuest, type Service, toApiError } from "./service.ts";

const ACTIONS: Readonly<Record<GuestAction, number>> = {
  start: WireAction.Start,
  pause: WireAction.Pause,
  resume: WireAction.Resume,
  reset: WireAction.Reset,
  reboot: WireAction.Reboot,
  shutdown: WireAction.Shutdown,
  poweroff: WireAction.PowerOff,
  destroy: WireAction.Destroy,
};
const DEFAULT_MS = 60_000;

type Guest = WireGuest | undefined;

/** Whether it is as asked, given how it was before. A guest that is gone is as asked, whatever that was. */
export function isDone(action: GuestAction, before: WireGuest, now: Guest): boolean {
  if (!now) return true;
  const settled = now.wanted === 0;
  const began = now.startedAt !== before.startedAt || now.restarts !== before.restarts;
  const moving = now.state === WireState.Restarting || now.state === WireState.Loading;
  const ended = now.state === WireState.Shutdown || now.state === WireState.Crashed;
  switch (action) {
    case "start":
      return settled && !moving && (began || now.state === WireState.Running);
    case "pause":
      return now.state === WireState.Paused || (settled && ended);
    case "resume":
      return settled && now.state !== WireState.Paused;
    case "reset":
    case "reboot":
      return settled && !moving && (began || (ended && now.state !== before.state));
    case "shutdown":
    case "poweroff":
      return settled && !moving && (ended || began);
    case "destroy":
      return false;
  }
}

export interface ActionRequest {
  readonly action: GuestAction;
  readonly timeoutMs?: number | undefined;
  readonly wait: boolean;
}

/** Answers the guest as it is then; nothing when it is gone. */
export async function guestAction(
  { link }: Service,
  name: string,
  { action, timeoutMs = DEFAULT_MS, wait }: ActionRequest,
): Promise<{ guest?: GuestInfo }> {
  const client = await link.client();
  const before = await findGuest(client, name);
  const subject = `${action} guest ${before.name}, which is ${convert.stateName(before.state) ?? "unknown"}`;
  const request = { guest: before.id, generation: before.generation, action: ACTIONS[action] };
  try {
    await client.call(OPERATIONS.GuestAction, request);
  } catch (error) {
    throw toApiError(error, subject);
  }
  const done = (now: Guest) => !wait || isDone(action, before, now);
  const after = await waitForGuest(client, before, done, { timeoutMs }).catch((error: unknown) => {
    if (!(error instanceof ChannelTimeout)) throw toApiError(error, subject);
    throw tooLate(action, before.name, timeoutMs);
  });
  return after ? { guest: convert.toGuest(after, await clockOf(client)) } : {};
}

function tooLate(action: GuestAction, name: string, timeoutMs: number): ApiError {
  const within = `within ${Math.round(timeoutMs / 100) / 10} s`;
  const polite = action === "shutdown" || action === "reboot";
  const message =
    action === "shutdown"
      ? `guest ${name} did not power off ${within}`
      : action === "reboot"
        ? `guest ${name} did not restart ${within}`
        : `${action} of guest ${name} was not done ${within}`;
  const hard =
    action === "reboot" ? `typeone reset ${name} restarts it at once` : `typeone destroy ${name} ends it at once`;
  return new ApiError({ code: "timeout", message, ...(polite ? { fix: hard } : {}) });
}

export async function hostAction({ link }: Service, action: HostAction): Promise<void> {
  const client = await link.client();
  const number = action === "shutdown" ? WireHostAction.PowerOff : WireHostAction.Reset;
  await client.call(OPERATIONS.HostAction, { action: number }).catch((error: unknown) => {
    // The machine may be gone before it answers.
    if (!(error instanceof Error && ["LinkLost", "SessionLost"].includes(error.name))) throw error;
  });
}

export async function setVcpuCount(service: Service, name: string, count: number): Promise<GuestDetail> {
  const client = await service.link.client();
  const guest = await findGuest(client, name);
  if (count > guest.maxVcpus) {
    const message = `guest ${guest.name} has at most ${guest.maxVcpus} vCPUs, not ${count}`;
    throw new ApiError({ code: "limit", message, fix: "maxVcpus in its description says how many it can have" });
  }
  await client.call(OPERATIONS.VcpuCount, { guest: guest.id, generation: guest.generation, count });
  return guestDetail(service, guest.name);
}

export async function changeVcpu(service: Service, name: string, index: number, patch: VcpuPatch): Promise<VcpuInfo> {
  const client = await service.link.client();
  const guest = await findGuest(client, name);
  const before = (await guestDetail(service, guest.name)).vcpuList.find((vcpu) => vcpu.index === index);
  if (!before) throw new ApiError({ code: "not-found", message: `guest ${guest.name} has no vCPU ${index}` });
  await applyPatch(client, { guest: guest.id, generation: guest.generation, vcpu: index }, patch);
  const after = (await guestDetail(service, guest.name)).vcpuList.find((vcpu) => vcpu.index === index);
  return after ?? before;
}

async function applyPatch(
  client: ChannelClient,
  vcpu: { readonly guest: number; readonly generation: number; readonly vcpu: number },
  patch: VcpuPatch,
): Promise<void> {
  const change = (action: number, value: bigint) => client.call(OPERATIONS.VcpuAction, { ...vcpu, action, value });
  if (patch.affinity !== undefined) await change(WireVcpuAction.Affinity, convert.maskOf(patch.affinity));
  if (patch.priority !== undefined) await change(WireVcpuAction.Priority, BigInt(patch.priority));
  if (patch.weight !== undefined) await change(WireVcpuAction.Weight, BigInt(patch.weight));
  if (patch.paused !== undefined) await change(patch.paused ? WireVcpuAction.Pause : WireVcpuAction.Resume, 0n);
}

export async function setTrace({ link }: Service, mask: number): Promise<void> {
  await (await link.client()).call(OPERATIONS.TraceControl, { mask });
}
