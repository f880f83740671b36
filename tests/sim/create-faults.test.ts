// SPDX-License-Identifier: Apache-2.0
// Every step of making a guest fails once (row F06): each growth of the hypervisor's own memory in turn, the host's RAM,
// its pieces, slots, harts, and every kind of wrong description. Each is a refusal with words that leaves every count as
// it was, and afterwards the same guest can be made.
import { FdtTree, type PropertyInput, serialize, u64 } from "@typeone/fdt";
import { OPERATIONS, WireAction, WireStatus } from "@typeone/protocol";
import { type Machine, program } from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { channelMachine, holdings, latin, openRequest, pattern, SECOND, Toolstack, upload } from "./channel-support.ts";
import { domain, MIB, sleep } from "./support.ts";

const quiet = program({
  *boot() {
    yield* sleep();
  },
});

async function toolstack(): Promise<{ machine: Machine; tool: Toolstack; kernel: number }> {
  const machine = await channelMachine({ domains: [domain("one", quiet)] });
  const tool = new Toolstack(machine);
  tool.hello();
  const [module] = machine.modules;
  return { machine, tool, kernel: upload(tool, machine.ram.read(module?.hpa ?? 0, module?.size ?? 0)) };
}

function described(properties: Readonly<Record<string, PropertyInput>>): Uint8Array {
  const tree = new FdtTree();
  tree.root.assign({
    compatible: "xen,domain",
    "#address-cells": 2,
    "#size-cells": 2,
    memory: u64(8192n),
    cpus: 1,
    "typeone,name": "late",
    ...properties,
  });
  tree.ensure("/kernel").assign({ compatible: "multiboot,kernel", bootargs: "quiet" });
  return serialize(tree);
}

/** What a refused creation leaves as it was; slots that were made are kept for the next guest, so not `ownFree`. */
function counts(tool: Toolstack) {
  const { tablesFree, tablesTotal, ...rest } = holdings(tool);
  return { ...rest, tablesFree: 0, tablesTotal: tablesTotal - tablesFree, ownFree: 0n };
}

/** Tries to make it; it is refused with words, and nothing is taken. */
function refused(tool: Toolstack, request: { description: number; kernel?: number; ramdisk?: number; tree?: number }) {
  const before = counts(tool);
  const { status, answer } = tool.ask(OPERATIONS.Create, request, { maxSteps: 200_000 });
  expect(status).not.toBe(0);
  expect(answer.words).not.toBe("");
  expect(counts(tool)).toEqual(before);
  return { status, words: answer.words };
}

function makeAndDestroy(tool: Toolstack, request: { description: number; kernel: number }): void {
  const before = counts(tool);
  const { status, answer } = tool.ask(OPERATIONS.Create, request, { maxSteps: 200_000 });
  expect(answer.words).toBe("");
  expect(status).toBe(0);
  tool.ask(OPERATIONS.GuestAction, { ...answer, action: WireAction.Destroy });
  tool.wait(SECOND / 2n);
  expect(counts(tool)).toEqual(before);
}

/** Makes guests until the hypervisor's own memory, which does not grow meanwhile, has no room for another slot. */
function starve({ machine, tool, kernel }: Awaited<ReturnType<typeof toolstack>>): (bytes: number) => boolean {
  const grow = machine.gate.extendLinear.bind(machine.gate);
  machine.gate.extendLinear = () => false;
  for (let index = 0; index < 20; index++) {
    const description = upload(tool, described({ "typeone,name": `filler-${index}` }));
    const { status } = tool.ask(OPERATIONS.Create, { description, kernel }, { maxSteps: 200_000 });
    tool.ask(OPERATIONS.BlobDrop, { id: description });
    if (status !== 0) break;
  }
  tool.wait(SECOND / 10n);
  return grow;
}

describe("the hypervisor's own memory", { timeout: 60_000 }, () => {
  it("refuses its n-th growth, for each n, and nothing stays taken", async () => {
    let refusals = 0;
    for (let nth = 1; nth <= 40; nth++) {
      const made = await toolstack();
      const { machine, tool, kernel } = made;
      const grow = starve(made);
      const description = upload(tool, described({ "typeone,max-cpus": 8, memory: u64(512n * 1024n) }));
      let calls = 0;
      machine.gate.extendLinear = (bytes) => ++calls !== nth && grow(bytes);
      const before = counts(tool);
      const { status, answer } = tool.ask(OPERATIONS.Create, { description, kernel }, { maxSteps: 200_000 });
      if (calls < nth) {
        expect(status).toBe(0);
        break;
      }
      refusals++;
      expect(status).toBe(WireStatus.NoMemory);
      expect(answer.words).toMatch(/hypervisor's own memory/);
      expect(counts(tool)).toEqual(before);
      makeAndDestroy(tool, { description, kernel });
      machine.check();
    }
    expect(refusals).toBeGreaterThan(0);
  });

  it("used up, is not used up further by those who ask again", async () => {
    const made = await toolstack();
    const { machine, tool, kernel } = made;
    const grow = starve(made);
    const description = upload(tool, described({ "typeone,max-cpus": 8 }));
    // Pages come back one at a time: at every length of what is left, who asks twice is refused twice for nothing.
    for (let pages = 0; pages < 60; pages++) {
      machine.gate.extendLinear = () => false;
      refused(tool, { description, kernel });
      const own = tool.host().ownFree;
      for (let again = 0; again < 2; again++) refused(tool, { description, kernel });
      expect(tool.host().ownFree).toBe(own);
      let left = 1;
      machine.gate.extendLinear = (bytes) => left-- > 0 && grow(bytes);
      if (tool.ask(OPERATIONS.Create, { description, kernel }, { maxSteps: 200_000 }).status === 0) break;
    }
    expect(tool.ask(OPERATIONS.Guests, { from: 1 }).records.at(-1)?.name).toBe("late");
  });
});

describe("what the host has", { timeout: 60_000 }, () => {
  it("too little memory, memory in too many pieces, no slot, no hart", async () => {
    const { tool, kernel } = await toolstack();
    const big = upload(tool, described({ memory: u64(4n * 1024n * 1024n) }));
    expect(refused(tool, { description: big, kernel }).words).toMatch(/too little free memory/);
    // Every other block of the host belongs to a blob: no guest is made of more than 16 pieces.
    const digest = new Uint8Array(32);
    const block = (crc: number, mib: number) =>
      tool.ask(OPERATIONS.BlobOpen, { size: BigInt(mib * MIB), crc, digest }).answer.id;
    const blobs = Array.from({ length: 58 }, (_, index) => block(index, 2));
    const runs = tool.ask(OPERATIONS.Memory, {}).records.filter(({ owner }) => owner === 0);
    const sizes = runs.map(({ size }) => Number(size) / MIB).sort((a, b) => b - a);
    const fillers = sizes.map((size, index) => block(1000 + index, size));
    expect(tool.host().memoryFree).toBe(0n);
    blobs.filter((_, index) => index % 2 === 0).forEach((id) => tool.ask(OPERATIONS.BlobDrop, { id }));
    tool.wait(SECOND / 10n);
    const pieces = upload(tool, described({ memory: u64(40n * 1024n) }));
    expect(refused(tool, { description: pieces, kernel }).status).toBe(WireStatus.NoMemory);
    const fits = upload(tool, described({ memory: u64(30n * 1024n) }));
    makeAndDestroy(tool, { description: fits, kernel });
    fillers.forEach((id) => tool.ask(OPERATIONS.BlobDrop, { id }));
    tool.wait(SECOND / 10n);
    const nowhere = upload(tool, described({ "typeone,affinity": u64(4n) }));
    expect(refused(tool, { description: nowhere, kernel }).words).toMatch(/fit no hart/);
    const pinned = upload(tool, described({ "typeone,policy": "pinned", cpus: 2 }));
    expect(refused(tool, { description: pinned, kernel }).words).toMatch(/fit no hart/);
    const full = { "typeone,period-us": u64(1000n), "typeone,budget-us": u64(400n), cpus: 8 };
    const periodic = upload(tool, described({ "typeone,policy": "rate-monotonic", ...full }));
    expect(refused(tool, { description: periodic, kernel }).words).toMatch(/fit no hart/);
    const plain = upload(tool, described({ "typeone,policy": "rate-monotonic", ...full, cpus: 1 }));
    makeAndDestroy(tool, { description: plain, kernel });
  });

  it("64 guests and no more; the last slot serves again and again", async () => {
    const { machine, tool, kernel } = await toolstack();
    const make = (name: string) => {
      const description = upload(tool, described({ "typeone,name": name }));
      const made = tool.ask(OPERATIONS.Create, { description, kernel }, { maxSteps: 200_000 });
      tool.ask(OPERATIONS.BlobDrop, { id: description });
      return made;
    };
    for (let index = 1; index < 64; index++) expect(make(`g${index}`).answer.words).toBe("");
    const more = upload(tool, described({}));
    expect(refused(tool, { description: more, kernel })).toEqual({
      status: WireStatus.Limit,
      words: "there are 64 guests already",
    });
    for (let round = 0; round < 3; round++) {
      const [last] = tool.ask(OPERATIONS.Guests, { from: 63 }).records;
      const { id: guest = 0, generation = 0 } = last ?? {};
      tool.ask(OPERATIONS.GuestAction, { guest, generation, action: WireAction.Destroy });
      tool.wait(SECOND / 10n);
      expect(tool.ask(OPERATIONS.GuestAction, { guest, generation, action: WireAction.Start }).status).toBe(
        WireStatus.NotFound,
      );
      expect(make(`again-${round}`).answer).toMatchObject({ guest: 63, words: "" });
    }
    machine.check();
  });
});

describe("what a description says", { timeout: 60_000 }, () => {
  const wrong: [string, Parameters<typeof described>[0], RegExp][] = [
    ["no memory", { memory: u64(0n) }, /memory must be/],
    ["memory that wraps", { memory: u64((1n << 54n) + 8192n) }, /memory must be/],
    ["half a page", { memory: u64(8193n) }, /whole pages/],
    ["no vCPU", { cpus: 0 }, /1 to 8/],
    ["2³² - 1 vCPUs", { cpus: 0xffff_ffff }, /1 to 8/],
    ["nine at most", { "typeone,max-cpus": 9 }, /1 to 8/],
    ["no name", { "typeone,name": "\u001b[2J" }, /no name/],
    ["a name in use", { "typeone,name": "one" }, /of that name/],
    ["somebody's memory", { "xen,static-mem": u64(0x8020_0000n, 8n << 20n) }, /static-mem is not free/],
    ["memory beyond RAM", { "xen,static-mem": u64(1n << 40n, 8n << 20n) }, /static-mem is not free/],
    ["memory that wraps at its end", { "xen,static-mem": u64((1n << 64n) - (2n << 20n), 8n << 20n) }, /static-mem/],
    ["too small a memory for its kernel", { memory: u64(2048n) }, /does not fit|do not fit/],
    ["a slice of ages", { "typeone,slice-us": u64((1n << 64n) - 1n) }, /fit no hart/],
    ["no budget", { "typeone,policy": "rate-monotonic", "typeone,period-us": u64(1000n) }, /fit no hart/],
  ];
  it("is refused with its reason, and costs nothing", async () => {
    const { machine, tool, kernel } = await toolstack();
    const good = upload(tool, described({}));
    makeAndDestroy(tool, { description: good, kernel });
    for (const [what, properties, words] of wrong) {
      const description = upload(tool, described(properties));
      expect(refused(tool, { description, kernel }).words, what).toMatch(words);
      tool.ask(OPERATIONS.BlobDrop, { id: description });
      tool.wait(SECOND / 10n);
    }
    makeAndDestroy(tool, { description: good, kernel });
    machine.check();
  });

  it("or its modules: missing, incomplete, too large, contradictory", async () => {
    const { tool, kernel } = await toolstack();
    const description = upload(tool, described({}));
    expect(refused(tool, { description, kernel: 999 }).words).toMatch(/no complete blob/);
    expect(refused(tool, { description, kernel, ramdisk: 999 }).words).toMatch(/no complete blob/);
    const half = tool.ask(OPERATIONS.BlobOpen, openRequest(pattern(9999))).answer.id;
    expect(refused(tool, { description, kernel, tree: half }).words).toMatch(/no complete blob/);
    expect(refused(tool, { description }).words).toMatch(/no multiboot,kernel/);
    expect(refused(tool, { description: kernel, kernel }).words).toMatch(/no device tree|4 KiB/);
    const long = upload(tool, pattern(70_000));
    expect(refused(tool, { description, kernel, tree: long }).words).toMatch(/64 KiB/);
    const huge = upload(tool, pattern(7 * MIB));
    expect(refused(tool, { description, kernel, ramdisk: huge }).words).toMatch(/do not fit/);
    const image = new Uint8Array(64);
    image.set(latin("RISCV\0\0\0"), 0x30);
    image.set([1], 0x18);
    expect(refused(tool, { description, kernel: upload(tool, image) }).words).toMatch(/big-endian/);
    const wide = Uint8Array.from(image);
    wide.fill(0xff, 0x08, 0x18);
    wide.fill(0, 0x18, 0x20);
    expect(refused(tool, { description, kernel: upload(tool, wide) }).words).toMatch(/contradicts|fit/);
    makeAndDestroy(tool, { description, kernel });
  });
});
