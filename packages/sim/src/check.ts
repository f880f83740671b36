// SPDX-License-Identifier: Apache-2.0
// Invariants of the whole machine, checked between traps: which host memory guests can reach, that page tables are
// well formed and out of reach, that no lock is held and that the page of address zero was never written.
import { Violation } from "./faults.ts";
import { LINEAR_START } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { decodeHgatp, type MappedLeaf, readStage2 } from "./stage2.ts";

interface Range {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Throws a Violation that names the first broken invariant; guests in `dead` have given their memory back. */
export function checkMachine(machine: Machine, dead: readonly string[]): void {
  if (machine.gate.locks.count > 0) throw new Violation("a lock is held between traps");
  checkNullPage(machine);
  const forbidden = hostRanges(machine);
  const mapped: Range[] = [];
  for (const [guest, hgatp] of machine.roots) {
    if (dead.includes(guest.name)) continue;
    const { leaves, tables, broken } = readStage2(machine.ram, decodeHgatp(hgatp));
    if (broken.length > 0) throw new Violation(`${guest.name}: ${broken[0]}`);
    for (const table of tables)
      forbidden.push({ name: `a page table of ${guest.name}`, from: table, to: table + 4096 });
    for (const leaf of leaves) mapped.push(rangeOf(machine, guest.name, leaf));
    const config = machine.options.domains.find((domain) => domain.name === guest.name);
    const ram = leaves.filter((leaf) => !isFile(machine, leaf));
    const bytes = ram.reduce((sum, leaf) => sum + leaf.size, 0);
    if (config && bytes > config.memoryKiB * 1024) {
      throw new Violation(`${guest.name} has ${bytes} bytes mapped, more than its ${config.memoryKiB} KiB`);
    }
  }
  disjoint(mapped, forbidden);
}

function checkNullPage(machine: Machine): void {
  const below = new Uint8Array(machine.gate.view().buffer, 0, LINEAR_START);
  const at = below.findIndex((byte) => byte !== 0);
  if (at >= 0) throw new Violation(`linear address ${at.toString(16)} was written; it is unmapped on the metal`);
}

/** Host memory that no guest may reach. */
function hostRanges(machine: Machine): Range[] {
  const [linearFrom, linearTo] = machine.ram.linearRange();
  const [firmwareFrom, firmwareTo] = machine.firmware;
  return [
    { name: "firmware", from: firmwareFrom, to: firmwareTo },
    { name: "the hypervisor's image", from: machine.gate.imageStart, to: machine.gate.imageEnd },
    { name: "linear memory", from: linearFrom, to: linearTo },
    ...machine.modules.map(({ hpa, size }) => ({ name: "a boot module", from: hpa, to: hpa + size })),
  ];
}

/** A hardware guest interrupt file, the only device that guests reach; and no code. */
function isFile(machine: Machine, leaf: MappedLeaf): boolean {
  const isCode = (leaf.pte & 8n) !== 0n;
  return machine.devices.bus.imsic?.isGuestFile(leaf.hpa) === true && leaf.size === 4096 && !isCode;
}

function rangeOf(machine: Machine, name: string, leaf: MappedLeaf): Range {
  const range = { name: `${name} (gpa ${leaf.gpa.toString(16)})`, from: leaf.hpa, to: leaf.hpa + leaf.size };
  if (!machine.ram.contains(leaf.hpa, leaf.size) && !isFile(machine, leaf))
    throw new Violation(`${range.name} maps ${leaf.hpa.toString(16)}, which is no RAM`);
  return range;
}

/** No mapped range overlaps another one or a forbidden one. */
function disjoint(mapped: readonly Range[], forbidden: readonly Range[]): void {
  const all = [
    ...mapped.map((range) => ({ range, guest: true })),
    ...forbidden.map((range) => ({ range, guest: false })),
  ];
  all.sort((a, b) => a.range.from - b.range.from);
  let reach: (typeof all)[number] | null = null;
  let guestReach: (typeof all)[number] | null = null;
  for (const each of all) {
    const rival = each.guest ? reach : guestReach;
    if (rival && rival.range.to > each.range.from) {
      const [guest, other] = each.guest ? [each, rival] : [rival, each];
      throw new Violation(`${guest.range.name} reaches ${other.range.name} at ${each.range.from.toString(16)}`);
    }
    if (!reach || each.range.to > reach.range.to) reach = each;
    if (each.guest && (!guestReach || each.range.to > guestReach.range.to)) guestReach = each;
  }
}
