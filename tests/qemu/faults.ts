// SPDX-License-Identifier: Apache-2.0
// Faults of the hypervisor itself, made on purpose (core/guest/self-test.ts): a store to null, wild pointers into the
// guard, a failed check. The guest on whose account it happened is stopped; its neighbour never notices; a fault with
// nobody to blame is reported with names and the build's id.
import type { FdtTree } from "@typeone/fdt";
import { hostAnswers } from "./scenarios.ts";
import type { Scenario } from "./scenario.ts";

const BEATS = 10;

/** Lets the guest `faults` ask for faults. */
function allow(tree: FdtTree): void {
  const chosen = tree.ensure("/chosen");
  for (const child of chosen.children) {
    if (child.name.includes("faults")) tree.ensure(`/chosen/${child.name}`).set("typeone,self-test", new Uint8Array());
  }
}

function contained(name: string, fault: number, report: RegExp): Scenario {
  return {
    name,
    guests: [
      { payload: "faults", args: `fault=${fault}`, ends: "never" },
      { payload: "heartbeat", args: `beats=${BEATS}` },
    ],
    machine: { harts: 1 },
    editTree: allow,
    act: async (running) => {
      await running.transcript.until(() => report.test(running.transcript.raw), running.signal);
      await running.transcript.until(() => /guest faults is stopped/.test(running.transcript.raw), running.signal);
      await hostAnswers(running);
      running.machine.console.type("guest crash faults\r");
      await running.transcript.until(
        () => /a7\s+0xa543100\b[\s\S]*sbi-other\s+0x802/.test(running.transcript.raw),
        running.signal,
      );
    },
  };
}

export const faultScenarios: readonly Scenario[] = [
  contained("a store to null in the core is contained", 0, /store to an unmapped.*value 0x0/),
  contained("a wild load in the core is contained", 1, /load from an unmapped.*value 0xffffffffc0000000/),
  contained("a wild store in the core is contained", 2, /store to an unmapped.*value 0xffffffffc0000000/),
  contained("a failed check in the core is contained", 3, /a check failed.*core\//),
  { name: "no fault for a guest that may not ask", guests: [{ payload: "faults", args: "fault=0" }] },
  {
    name: "a fault that is nobody's is reported",
    guests: [{ payload: "hello", ends: "never" }],
    machine: { harts: 2 },
    editTree: (tree) => void tree.ensure("/chosen").set("typeone,panic", new Uint8Array()),
    act: ({ transcript, signal }) =>
      transcript.until(
        () => /PANIC[\s\S]*core\/main\/boot[\s\S]*sstatus=[\s\S]*build [0-9a-f]{16}/.test(transcript.raw),
        signal,
      ),
  },
];
