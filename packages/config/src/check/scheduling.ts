// SPDX-License-Identifier: Apache-2.0
// Harts and time: affinities that name harts which are there, pinned vCPUs with a hart each and one left for everybody
// else, periods that can be kept. What core/sched/members.ts would refuse at run time is said here, before.
import type { Host, Guest } from "../system.ts";
import type { Entry, Say } from "./system.ts";

/** Thousandths of a hart that rate-monotonic vCPUs may use together. */
const UTILIZATION_MAX = 950;
const LEAST_PERIOD_US = 100;

export function checkScheduling(host: Host, entries: readonly Entry[], say: Say): void {
  for (const entry of entries) {
    checkAffinity(host, entry, say);
    checkVcpus(host, entry, say);
    checkPeriod(host, entry, say);
  }
  const booting = entries.filter(({ guest }) => guest.autostart);
  checkPinned(host, booting, say);
  checkUtilization(host, booting, say);
}

const policyOf = (host: Host, guest: Guest): string => guest.policy ?? host.policy ?? "priority";
const rangeOf = (host: Host): string => (host.harts === 1 ? "hart 0" : `harts 0 to ${host.harts - 1}`);

function mayUse(host: Host, guest: Guest): number[] {
  const all = Array.from({ length: host.harts }, (_, hart) => hart);
  return guest.affinity === undefined ? all : all.filter((hart) => guest.affinity?.includes(hart));
}

function checkAffinity(host: Host, { guest, settings, path }: Entry, say: Say): void {
  const absent = (settings.affinity?.named ?? []).filter((hart) => hart >= host.harts);
  if (absent.length > 0) {
    const those = absent.length === 1 ? `hart ${absent[0]} is` : `harts ${absent.join(", ")} are`;
    const fix = `name some of ${rangeOf(host)}, or give the host more harts`;
    say([...path, "affinity"], {
      severity: "error",
      message: `${those} not there: the host has ${rangeOf(host)}`,
      fix,
    });
  } else if (mayUse(host, guest).length === 0) {
    say([...path, "affinity"], {
      severity: "error",
      message: "leaves no hart of the host to run on",
      fix: `name some of ${rangeOf(host)}`,
    });
  }
}

function checkVcpus(host: Host, { guest, settings, path }: Entry, say: Say): void {
  if (settings.maxVcpus !== undefined && settings.maxVcpus < guest.vcpus) {
    const message = `${settings.maxVcpus} are fewer than the ${guest.vcpus} that it starts with`;
    say([...path, "maxVcpus"], { severity: "error", message, fix: `write maxVcpus: ${guest.vcpus}, or fewer vcpus` });
  }
  const harts = mayUse(host, guest).length;
  if (guest.vcpus <= harts || harts === 0 || policyOf(host, guest) === "pinned") return;
  const message = `${guest.vcpus} vCPUs share ${harts === 1 ? "one hart" : `${harts} harts`}: that costs time and gains none`;
  say([...path, "vcpus"], { severity: "warning", message, fix: `write vcpus: ${harts}` });
}

function checkPeriod(host: Host, { guest, path }: Entry, say: Say): void {
  if (policyOf(host, guest) !== "rate-monotonic") {
    for (const key of ["periodUs", "budgetUs"] as const) {
      if (guest[key] === undefined) continue;
      const message = `has no effect: the guest's policy is ${policyOf(host, guest)}`;
      say([...path, key], { severity: "warning", message, fix: 'write policy: "rate-monotonic", or remove it' });
    }
    return;
  }
  for (const key of ["periodUs", "budgetUs"] as const) {
    if (guest[key] !== undefined) continue;
    say([...path, key], {
      severity: "error",
      message: "is missing: policy rate-monotonic needs it",
      fix: `write for example ${key}: ${key === "periodUs" ? 10_000 : 2_000}`,
    });
  }
  const { periodUs, budgetUs } = guest;
  if (periodUs !== undefined && periodUs < LEAST_PERIOD_US) {
    say([...path, "periodUs"], {
      severity: "error",
      message: `${periodUs} µs are too short`,
      fix: `write ${LEAST_PERIOD_US} or more`,
    });
  }
  if (periodUs === undefined || budgetUs === undefined || share(guest) <= UTILIZATION_MAX) return;
  const most = Math.floor((periodUs * UTILIZATION_MAX) / 1000);
  const message = `${budgetUs} of ${periodUs} µs are more than a vCPU may have`;
  say([...path, "budgetUs"], { severity: "error", message, fix: `write ${most} or less: 95 % of the period` });
}

/** Thousandths of a hart that one vCPU of the guest may use. */
function share({ periodUs, budgetUs }: Guest): number {
  return periodUs === undefined || budgetUs === undefined ? 0 : Math.ceil((budgetUs * 1000) / periodUs);
}

function checkUtilization(host: Host, entries: readonly Entry[], say: Say): void {
  let sum = 0;
  for (const { guest, path } of entries) {
    if (policyOf(host, guest) !== "rate-monotonic" || share(guest) > UTILIZATION_MAX) continue;
    sum += share(guest) * guest.vcpus;
    if (sum <= UTILIZATION_MAX * host.harts) continue;
    const message = `up to this guest, budgets take ${Math.round(sum / 10)} % of a hart's time; ${rangeOf(host)} can promise ${(UTILIZATION_MAX * host.harts) / 10} %`;
    say([...path, "budgetUs"], { severity: "error", message, fix: "give smaller budgets, or longer periods" });
    return;
  }
}

// ---- Pinned.

/** Which vCPU owns a hart: the entry, by hart. */
type Owners = Map<number, Entry>;

/** Gives one more vCPU of `entry` a hart, moving others if that helps. */
function assign(host: Host, entry: Entry, owners: Owners, tried = new Set<number>()): boolean {
  for (const hart of mayUse(host, entry.guest)) {
    if (tried.has(hart)) continue;
    tried.add(hart);
    const owner = owners.get(hart);
    if (owner && !assign(host, owner, owners, tried)) continue;
    owners.set(hart, entry);
    return true;
  }
  return false;
}

/** Owners such that all pinned vCPUs have a hart and `kept` has none; undefined if that cannot be. */
function assignAll(host: Host, pinned: readonly Entry[], kept?: number): Owners | undefined {
  const owners: Owners = new Map();
  for (const entry of pinned) {
    for (let vcpu = 0; vcpu < entry.guest.vcpus; vcpu++) {
      if (!assign(host, entry, owners, new Set(kept === undefined ? [] : [kept]))) return undefined;
    }
  }
  return owners;
}

function checkPinned(host: Host, entries: readonly Entry[], say: Say): void {
  const pinned: Entry[] = [];
  for (const entry of entries.filter(({ guest }) => policyOf(host, guest) === "pinned")) {
    if (assignAll(host, [...pinned, entry])) pinned.push(entry);
    else sayPinned(host, entry, pinned, say);
  }
  const last = pinned.at(-1);
  if (!last) return;
  const canSpare = (harts: readonly number[]): boolean =>
    harts.some((hart) => assignAll(host, pinned, hart) !== undefined);
  if (!canSpare(Array.from({ length: host.harts }, (_, hart) => hart))) {
    const message = `pinned vCPUs own every hart of the host (${rangeOf(host)}); the hypervisor's own work needs one`;
    return say([...last.path, "policy"], {
      severity: "error",
      message,
      fix: "give the host one more hart, or pin fewer vCPUs",
    });
  }
  for (const { guest, path } of entries.filter(({ guest }) => policyOf(host, guest) !== "pinned")) {
    const harts = mayUse(host, guest);
    if (harts.length === 0 || canSpare(harts)) continue;
    const message = `its harts (${harts.join(", ")}) all belong to pinned guests: ${namesOf(pinned)}`;
    say([...path, "affinity"], { severity: "error", message, fix: "let it run on another hart, or pin fewer vCPUs" });
  }
}

const namesOf = (entries: readonly Entry[]): string => entries.map(({ guest }) => guest.name).join(", ");

function sayPinned(host: Host, entry: Entry, others: readonly Entry[], say: Say): void {
  const harts = mayUse(host, entry.guest);
  const key = entry.guest.affinity === undefined ? "policy" : "affinity";
  if (harts.length < entry.guest.vcpus) {
    const message = `${entry.guest.vcpus} pinned vCPUs need a hart each, and it may use ${harts.length}`;
    return say([...entry.path, key], {
      severity: "error",
      message,
      fix: "let it use more harts, or give it fewer vcpus",
    });
  }
  const message = `there is no hart left for each of its pinned vCPUs: ${namesOf(others)} own some of ${harts.join(", ")}`;
  say([...entry.path, key], { severity: "error", message, fix: "let the guests use other harts, or pin fewer vCPUs" });
}
