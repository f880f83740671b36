// SPDX-License-Identifier: Apache-2.0
// A vCPU that is called off its hart is on no other hart before that one is done with it: at each step of its leaving in
// turn, the other hart does all that it can, which is to find the guest off, answer a resume, and want the vCPU itself.
import { OPERATIONS, WireAction, WireVcpuAction } from "@typeone/protocol";
import { compute, CSR, type Machine, program, type SimHart } from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { channelMachine, Toolstack } from "./channel-support.ts";
import { domain } from "./support.ts";

const SOFTWARE_INTERRUPT = (1n << 63n) | 1n;
/** Steps of leaving that are looked at; there are fewer. */
const MOST = 120;

function counting() {
  const count = { beats: 0 };
  const guest = program({
    *boot() {
      for (;;) {
        count.beats++;
        yield* compute(20);
      }
    },
  });
  return { count, guest };
}

/** The other hart goes on until it has nothing to do. */
function exhaust(machine: Machine, hart: SimHart): void {
  for (let i = 0; i < 400 && machine.canAct(hart); i++) machine.stepHart(hart);
}

/** Pauses the guest; when its hart is at import `ordinal` of leaving, the other one has its turn. */
async function leaveAt(ordinal: number): Promise<"never" | "busy" | "resumed"> {
  const { count, guest } = counting();
  const machine = await channelMachine({ harts: 2, domains: [domain("alpha", guest)] });
  const tool = new Toolstack(machine);
  tool.hello();
  machine.runUntil(() => count.beats > 3);
  // The channel's interrupt comes to the first hart: the guest is on the second one.
  const [other, of] = machine.harts;
  if (!of || !other) throw new Error("there are not two harts");
  tool.ask(OPERATIONS.VcpuAction, { guest: 0, action: WireVcpuAction.Affinity, value: 2n });
  machine.runUntil(() => of.mode === "guest");
  tool.ask(OPERATIONS.VcpuAction, { guest: 0, action: WireVcpuAction.Affinity, value: 3n });
  let turn = false;
  let resume = 0;
  machine.gate.onImport = (_name, at, hart) => {
    if (turn || hart !== of || at < ordinal || machine.gate.locks.count > 0) return;
    if (hart.csrs.read(CSR.scause) !== SOFTWARE_INTERRUPT) return;
    turn = true;
    exhaust(machine, other);
    resume = tool.send(OPERATIONS.GuestAction, { guest: 0, action: WireAction.Resume });
    exhaust(machine, other);
  };
  tool.send(OPERATIONS.GuestAction, { guest: 0, action: WireAction.Pause });
  machine.run(() => turn, { maxSteps: 2000 });
  machine.gate.onImport = null;
  if (!turn) return "never";
  tool.wait(5000n, 3000);
  const answer = tool.frames.find(({ kind, sequence }) => kind === 2 && sequence === resume);
  if (answer?.status !== 0) tool.ask(OPERATIONS.GuestAction, { guest: 0, action: WireAction.Resume });
  const before = count.beats;
  machine.runUntil(() => count.beats > before + 10, { maxSteps: 3000 });
  machine.check();
  return answer?.status === 0 ? "resumed" : "busy";
}

describe("a vCPU that is called off its hart", { timeout: 120_000 }, () => {
  it("is on one hart only, wherever in its leaving the guest goes on again", async () => {
    const seen = new Set<string>();
    for (let ordinal = 0; ordinal < MOST; ordinal++) seen.add(await leaveAt(ordinal));
    expect([...seen].sort()).toEqual(["busy", "never", "resumed"]);
  });
});
