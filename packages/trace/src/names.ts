// SPDX-License-Identifier: Apache-2.0
// What records and their parts are called on screens and in files.
import { trace } from "@typeone/spec";

/** Exit kinds by number, as the hypervisor's own tables call them (core/guest/exit.ts). */
export const EXIT_NAMES: readonly string[] = [
  "sbi-base",
  "sbi-timer",
  "sbi-ipi",
  "sbi-fence",
  "sbi-hsm",
  "sbi-reset",
  "sbi-console",
  "sbi-other",
  "mmio-load",
  "mmio-store",
  "page",
  "wfi",
  "fp",
  "illegal",
  "access-fault",
  "timer",
  "ipi",
  "interrupt",
  "yield",
  "other",
];

export const LINE_NAMES: readonly string[] = ["soft", "timer", "external"];

/** States of a guest (core/guest/guest.ts). */
export const STATE_NAMES: readonly string[] = [
  "empty",
  "created",
  "running",
  "paused",
  "restarting",
  "shutdown",
  "crashed",
  "loading",
];

/** Why who ran before runs no more: its state then (core/sched/entity.ts). */
export const LEFT_NAMES: readonly string[] = ["stopped", "preempted", "moved", "waits"];

/** Kinds of records by the names that a mask is written with. */
export const KIND_NAMES: Readonly<Record<string, number>> = {
  exit: trace.TRACE_EXIT,
  enter: trace.TRACE_ENTER,
  switch: trace.TRACE_SWITCH,
  wake: trace.TRACE_WAKE,
  inject: trace.TRACE_INJECT,
  console: trace.TRACE_CONSOLE,
  lifecycle: trace.TRACE_LIFECYCLE,
  worker: trace.TRACE_WORKER,
};

export const nameIn = (names: readonly string[], index: number): string => names[index] ?? `${index}`;

/** The mask of comma-separated kinds, of "all" or of "off"; null if a word is none of these. */
export function parseMask(text: string): number | null {
  if (text === "all") return trace.TRACE_ALL;
  if (text === "off") return 0;
  let mask = 0;
  for (const word of text.split(",")) {
    const kind = Object.hasOwn(KIND_NAMES, word.trim()) ? KIND_NAMES[word.trim()] : undefined;
    if (kind === undefined) return null;
    mask |= 1 << kind;
  }
  return mask;
}

export type Who =
  | { readonly kind: "nobody" }
  | { readonly kind: "vcpu"; readonly guest: number; readonly vcpu: number }
  | { readonly kind: "worker"; readonly number: number };

/** Who runs, as switch, wake and worker records say it. */
export function whoIs(code: bigint): Who {
  const value = Number(code & 0xffff_ffffn);
  if (value & trace.TRACE_WHO_VCPU) return { kind: "vcpu", guest: (value >> 8) & 0xff, vcpu: value & 0xff };
  if (value & trace.TRACE_WHO_WORKER) return { kind: "worker", number: value & 0xffff };
  return { kind: "nobody" };
}

/** Names of guests by number, where the caller knows them. */
export type GuestNames = (guest: number) => string | undefined;

export const guestName = (guest: number, names?: GuestNames): string =>
  guest === 0 ? "host" : (names?.(guest) ?? `guest ${guest}`);

export function whoName(who: Who, names?: GuestNames): string {
  if (who.kind === "vcpu") return `${guestName(who.guest, names)}/${who.vcpu}`;
  return who.kind === "worker" ? `worker ${who.number}` : "idle";
}
