// SPDX-License-Identifier: Apache-2.0
// The rows that `bench boot` prints: each figure with its peer's, its target and the verdict.
import { BOOT } from "./targets.ts";
import type { BootResult } from "./boot.ts";
import { count, verdict } from "./lib/table.ts";

export interface BootRow {
  readonly title: string;
  readonly peer: string;
  readonly target: string;
  readonly shown: string;
  readonly verdict: string;
}

const KIB = 1024;
const MIB = 1024 * 1024;
const kib = (bytes: number): string => `${count(bytes / KIB)} KiB`;
const mib = (bytes: number): string => `${count(bytes / MIB, 2)} MiB`;
const millions = (value: number): string => `${count(value / 1e6, 3)} M`;

function guestRow(result: BootResult): BootRow {
  const best = BOOT.guestInstructions.bestPeer / BOOT.guestInstructions.bareThen;
  const share = result.guestInstructions / result.bareInstructions;
  const target = best * BOOT.guestInstructions.target;
  return {
    title: `guest instructions (bare: ${millions(result.bareInstructions)})`,
    peer: `${count(best * 100, 1)} % of bare`,
    target: `${count(target * 100, 1)} % of bare`,
    shown: `${millions(result.guestInstructions)}, ${count(share * 100, 2)} %`,
    verdict: verdict(share, target),
  };
}

function memoryRow(guests: string, bytes: number): BootRow {
  const target = guests === "4" ? BOOT.memoryBytes.targetFour : guests === "1" ? BOOT.memoryBytes.target : undefined;
  return {
    title: `memory of the hypervisor, ${guests} guest${guests === "1" ? "" : "s"}`,
    peer: guests === "1" ? mib(BOOT.memoryBytes.xvisor) : "–",
    target: target === undefined ? "–" : mib(target),
    shown: mib(bytes),
    verdict: verdict(bytes, target),
  };
}

export function bootRows(result: BootResult): BootRow[] {
  const exits = Object.values(result.exits).reduce((sum, number) => sum + number, 0);
  return [
    {
      title: "hypervisor instructions during the boot",
      peer: millions(BOOT.hypervisorInstructions.xvisor),
      target: millions(BOOT.hypervisorInstructions.target),
      shown: millions(result.hypervisorInstructions),
      verdict: verdict(result.hypervisorInstructions, BOOT.hypervisorInstructions.target),
    },
    {
      title: "exits during the boot",
      peer: count(BOOT.exits.xvisor),
      target: count(BOOT.exits.target),
      shown: count(exits),
      verdict: verdict(exits, BOOT.exits.target),
    },
    guestRow(result),
    {
      title: "reset to first guest instruction, ours",
      peer: millions(BOOT.firstInstruction.xvisor),
      target: millions(BOOT.firstInstruction.target),
      shown: millions(result.startInstructions),
      verdict: verdict(result.startInstructions, BOOT.firstInstruction.target),
    },
    {
      title: "image (text + data)",
      peer: kib(BOOT.imageBytes.xvisor),
      target: kib(BOOT.imageBytes.target),
      shown: kib(result.imageBytes),
      verdict: verdict(result.imageBytes, BOOT.imageBytes.target),
    },
    ...Object.entries(result.memory).map(([guests, bytes]) => memoryRow(guests, bytes)),
  ];
}
