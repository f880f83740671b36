// SPDX-License-Identifier: Apache-2.0
// Hosts that TypeOne cannot run on: each gets a message that names what is wrong, and no hang.
import type { FdtTree } from "@typeone/fdt";
import type { Scenario } from "./scenario.ts";

function refused(name: string, scenario: Partial<Scenario>, message: RegExp): Scenario {
  return {
    name,
    guests: [{ payload: "hello", ends: "never" }],
    timeoutMs: 20_000,
    act: ({ transcript, signal }) => transcript.until(() => message.test(transcript.raw), signal),
    ...scenario,
  };
}

function removePlic(tree: FdtTree): void {
  const soc = tree.ensure("/soc");
  for (const child of [...soc.children]) if (child.name.startsWith("plic@")) tree.remove(`/soc/${child.name}`);
}

export const refusalScenarios: readonly Scenario[] = [
  refused("a host without the H-extension", { machine: { hypervisor: "off" } }, /H.extension|hypervisor extension/i),
  refused("a host without interrupt controller", { editTree: (tree) => removePlic(tree) }, /no PLIC, APLIC/),
];
