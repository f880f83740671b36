// SPDX-License-Identifier: Apache-2.0
// Every request in every state of a guest's life (row F03): it is done or refused, the guest can be destroyed afterwards
// and destroyed again for nothing, and nothing of it is left, neither taken nor to be read by who has its slot next.
import { FdtTree, serialize, u64 } from "@typeone/fdt";
import { OPERATIONS, WireAction, WireState, WireStatus } from "@typeone/protocol";
import { compute, CoreFault, CSR, type Machine, program, writeBytes } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import { channelMachine, holdings, latin, sayFast, SECOND, textOf, Toolstack, upload } from "./channel-support.ts";
import { domain } from "./support.ts";

const SECRET = "the former guest's secret";
const ACTIONS = ["Start", "Pause", "Resume", "Reset", "Reboot", "Shutdown", "PowerOff", "Destroy"] as const;
const STATES = ["Created", "Running", "Paused", "Shutdown", "Crashed"] as const;

let boots = 0;
const guest = program({
  *boot(cpu) {
    boots++;
    yield* sayFast(cpu.guest.base + 0x10_0000n, latin(SECRET));
    yield* writeBytes(cpu.guest.base + 0x60_0000n, latin(SECRET));
    for (;;) yield* compute(50);
  },
});

let machine: Machine;
let tool: Toolstack;
let kernel: number;
let before: ReturnType<typeof holdings>;

const act = (id: number, action: number) => tool.ask(OPERATIONS.GuestAction, { guest: id, action });
const infoOf = (id: number) => tool.ask(OPERATIONS.Guests, {}).records.find((record) => record.id === id);

function make(): number {
  const tree = new FdtTree();
  tree.root.assign({ compatible: "xen,domain", memory: u64(8192n), cpus: 1, "typeone,name": "late" });
  tree.ensure("/kernel").assign({ compatible: "multiboot,kernel" });
  const description = upload(tool, serialize(tree));
  const { answer } = tool.ask(OPERATIONS.Create, { description, kernel }, { maxSteps: 200_000 });
  expect(answer.words).toBe("");
  tool.ask(OPERATIONS.BlobDrop, { id: description });
  return answer.guest;
}

function reach(id: number, state: (typeof STATES)[number]): void {
  if (state === "Created") return;
  const booted = boots;
  act(id, WireAction.Start);
  machine.runUntil(() => boots > booted);
  tool.wait(5000n);
  if (state === "Paused") act(id, WireAction.Pause);
  if (state === "Shutdown") act(id, WireAction.PowerOff);
  if (state === "Crashed") crash();
  tool.wait(SECOND / 10n, 3000);
  expect(infoOf(id)?.state).toBe(WireState[state]);
}

/** The hypervisor faults once in an exit of the guest that was made. */
function crash(): void {
  machine.gate.containFaults = true;
  let armed = true;
  machine.gate.onImport = (_name, at, hart) => {
    if (!armed || at < 2 || hart.csrs.read(CSR.scause) >> 63n !== 0n) return;
    if (machine.vcpuOf(hart.context).registers.pc === 0n) return;
    armed = false;
    throw new CoreFault("injected", 5n, 0xbadn);
  };
  act(1, WireAction.Reset);
  machine.run(() => !armed, { maxSteps: 20_000 });
  machine.gate.onImport = null;
}

describe("requests in every state", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    machine = await channelMachine({ ramMiB: 192, domains: [domain("one", guest, { memoryKiB: 16 * 1024 })] });
    machine.runUntil(() => boots === 1);
    tool = new Toolstack(machine);
    tool.hello();
    const [module] = machine.modules;
    kernel = upload(tool, machine.ram.read(module?.hpa ?? 0, module?.size ?? 0));
    // The slot and what else is made once and kept.
    act(make(), WireAction.Destroy);
    tool.wait(SECOND / 10n, 3000);
    before = holdings(tool);
  }, 60_000);

  it.each(STATES.flatMap((state) => ACTIONS.map((action) => ({ state, action }))))(
    "$state: $action",
    ({ state, action }) => {
      const id = make();
      expect(id).toBe(1);
      expect(textOf(tool.read(id, 0).bytes)).toBe("");
      expect(tool.ask(OPERATIONS.Crash, { guest: id }).answer.reason).toBe(0);
      expect(infoOf(id)).toMatchObject({ restarts: 0, exits: 0n, crashReason: 0, startedAt: 0n });
      reach(id, state);
      const { status } = act(id, WireAction[action]);
      expect([0, WireStatus.Invalid, WireStatus.Busy, WireStatus.NotFound]).toContain(status);
      tool.wait(3n * SECOND, 2000);
      const info = infoOf(id);
      expect(info?.wanted ?? 0).toBe(0);
      if (status === 0 && action === "Pause") expect(info?.state).toBe(WireState.Paused);
      if (info) act(id, WireAction.Destroy);
      tool.wait(SECOND / 10n, 3000);
      expect(act(id, WireAction.Destroy).status).toBe(WireStatus.NotFound);
      expect(holdings(tool)).toEqual(before);
      const free = tool.ask(OPERATIONS.Memory, {}).records.filter(({ owner }) => owner === 0);
      for (const { hpa, size } of free) expect(machine.ram.isZero(Number(hpa), Number(size))).toBe(true);
      machine.check();
    },
  );
});
