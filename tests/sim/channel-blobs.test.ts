// SPDX-License-Identifier: Apache-2.0
// Blobs and guests made of them over the management channel, in the whole core: limits in words, takeovers half-way, and
// nothing left behind.
import { FdtTree, parse, serialize, u64 } from "@typeone/fdt";
import { OPERATIONS, WireAction, WireOwner, WireState, WireStatus } from "@typeone/protocol";
import { describe, expect, it } from "vitest";
import { holdings, latin, openRequest, pattern, quietMachine, SECOND, Toolstack, upload } from "./channel-support.ts";
import { MIB } from "./support.ts";

describe("blobs", () => {
  it("come in pieces, in order, each once, and are checked at the end", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const bytes = pattern(3 * MIB + 777, 13);
    const free = tool.host().memoryFree;
    const { answer: blob } = tool.ask(OPERATIONS.BlobOpen, openRequest(bytes));
    expect(blob).toMatchObject({ state: 1, position: 0n, owners: 0 });
    expect(tool.host().memoryFree).toBe(free - BigInt(4 * MIB));
    const write = (at: number, end: number) =>
      tool.ask(OPERATIONS.BlobWrite, { id: blob.id, position: BigInt(at) }, { tail: bytes.subarray(at, end) });
    expect(write(0, 4000).answer.position).toBe(4000n);
    expect(write(0, 4000).answer.position).toBe(4000n);
    expect(write(8000, 9000).answer.position).toBe(4000n);
    expect(write(3000, 7000).answer.position).toBe(7000n);
    expect(write(bytes.length, bytes.length).status).toBe(0);
    const beyond = tool.ask(
      OPERATIONS.BlobWrite,
      { id: blob.id, position: BigInt(bytes.length) },
      { tail: latin("x") },
    );
    expect(beyond.status).toBe(WireStatus.Range);
    for (let at = 7000; at < bytes.length; at += 4080) write(at, Math.min(at + 4080, bytes.length));
    const [info] = tool.ask(OPERATIONS.Blobs, {}).records;
    expect(info).toMatchObject({ id: blob.id, state: 2, position: BigInt(bytes.length) });
    const again = tool.ask(OPERATIONS.BlobOpen, openRequest(bytes));
    expect(again.answer.id).toBe(blob.id);
    const runs = tool.ask(OPERATIONS.Memory, {}).records.filter(({ owner }) => owner === 2);
    expect(runs).toHaveLength(1);
    expect(Buffer.from(machine.ram.read(Number(runs[0]?.hpa), bytes.length)).equals(Buffer.from(bytes))).toBe(true);
    expect(tool.ask(OPERATIONS.BlobDrop, { id: blob.id }).status).toBe(0);
    tool.wait(SECOND / 10n);
    expect(tool.host()).toMatchObject({ memoryFree: free, blobs: 0 });
    expect(machine.ram.isZero(Number(runs[0]?.hpa), 4 * MIB)).toBe(true);
    expect(tool.ask(OPERATIONS.BlobDrop, { id: blob.id }).status).toBe(WireStatus.NotFound);
    expect(tool.ask(OPERATIONS.BlobOpen, openRequest(bytes)).answer.id).not.toBe(blob.id);
  }, 60_000);

  it("with a wrong checksum are bad, and take nothing more", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const bytes = pattern(100);
    const { answer } = tool.ask(OPERATIONS.BlobOpen, { ...openRequest(bytes), crc: 1 });
    const tail = bytes;
    expect(tool.ask(OPERATIONS.BlobWrite, { id: answer.id }, { tail }).answer.state).toBe(3);
    expect(tool.ask(OPERATIONS.BlobWrite, { id: answer.id }, { tail }).answer).toMatchObject({
      state: 3,
      position: 100n,
    });
  });

  it("beyond every limit are refused in words", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const digest = new Uint8Array(32);
    const open = (size: bigint, crc = 0) => tool.ask(OPERATIONS.BlobOpen, { size, crc, digest });
    expect(open(0n)).toMatchObject({ status: WireStatus.Range, words: "a blob has 1 byte to 4 GiB" });
    expect(open((1n << 32n) + 1n).status).toBe(WireStatus.Range);
    expect(open((1n << 64n) - 1n).status).toBe(WireStatus.Range);
    expect(open(1n << 32n).words).toMatch(/too little free memory/);
    for (let index = 0; index < 64; index++) expect(open(1n, index).status).toBe(0);
    expect(open(1n, 64)).toMatchObject({ status: WireStatus.Limit, words: "there are 64 blobs already" });
  });

  it("of a session that is taken over while one is half sent go, and the memory comes back clean", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello(1);
    const before = holdings(tool);
    const { answer } = tool.ask(OPERATIONS.BlobOpen, openRequest(pattern(5 * MIB)));
    const tail = new Uint8Array(4080).fill(0xab);
    tool.ask(OPERATIONS.BlobWrite, { id: answer.id }, { tail });
    const [run] = tool.ask(OPERATIONS.Memory, {}).records.filter(({ owner }) => owner === 2);
    const other = new Toolstack(machine, 2);
    other.hello();
    other.wait(SECOND / 10n);
    expect(holdings(other)).toEqual(before);
    expect(machine.ram.isZero(Number(run?.hpa), 6 * MIB)).toBe(true);
    expect(other.ask(OPERATIONS.BlobWrite, { id: answer.id }, { tail }).status).toBe(WireStatus.NotFound);
    machine.check();
  });

  it("that make no guest leave nothing behind, and words say why", async () => {
    const { tool } = await quietMachine();
    tool.hello();
    const kernel = upload(tool, pattern(5000));
    const before = holdings(tool);
    const none = tool.ask(OPERATIONS.Create, { description: 77, kernel });
    expect(none.status).toBe(WireStatus.NotFound);
    expect(none.answer.words).not.toBe("");
    const description = upload(tool, latin("this is no tree at all, but more than forty bytes of text"));
    const broken = tool.ask(OPERATIONS.Create, { description, kernel });
    expect(broken.status).toBe(WireStatus.Malformed);
    expect(broken.answer.words).toMatch(/no device tree/);
    tool.ask(OPERATIONS.BlobDrop, { id: description });
    tool.wait(SECOND / 10n);
    expect(holdings(tool)).toEqual(before);
  });
});

/** A description as a toolstack sends it: the domain is the root. */
function describedGuest(name: string, memoryKiB: number): Uint8Array {
  const tree = new FdtTree();
  tree.root.assign({
    compatible: "xen,domain",
    "#address-cells": 2,
    "#size-cells": 2,
    memory: u64(BigInt(memoryKiB)),
    cpus: 1,
    "typeone,name": name,
  });
  tree.ensure("/kernel").assign({ compatible: "multiboot,kernel", bootargs: "quiet" });
  return serialize(tree);
}

describe("guests made at run time", () => {
  it("find their memory clean, whatever it held before the machine's reset", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const free = tool.ask(OPERATIONS.Memory, {}).records.filter(({ owner }) => owner === WireOwner.Free);
    const dirt = new Uint8Array(4096).fill(0x5a);
    const places = (runs: readonly { readonly hpa: bigint; readonly size: bigint }[]): number[] =>
      runs.flatMap(({ hpa, size }) => Array.from({ length: Number(size) / MIB }, (_, i) => Number(hpa) + i * MIB));
    for (const place of places(free)) machine.ram.write(place, dirt);
    const [module] = machine.modules;
    const kernel = upload(tool, machine.ram.read(module?.hpa ?? 0, module?.size ?? 0));
    const description = upload(tool, describedGuest("late", 16 * 1024));
    expect(tool.ask(OPERATIONS.Create, { description, kernel, start: 1 }).status).toBe(0);
    tool.wait(SECOND / 5n);
    const { records } = tool.ask(OPERATIONS.Memory, {});
    const own = places(records.filter(({ owner, guest }) => owner === WireOwner.Guest && guest === 2));
    expect(own).toHaveLength(16);
    expect(own.filter((place) => machine.ram.read(place, 4096).every((byte) => byte === 0x5a))).toEqual([]);
  });

  it("get nothing from an address that their description names", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const tree = parse(describedGuest("thief", 16 * 1024));
    const image = u64(0x8020_0000n, 4096n);
    tree.ensure("/kernel").set("reg", image);
    const description = upload(tool, serialize(tree));
    const refused = tool.ask(OPERATIONS.Create, { description, start: 1 });
    expect(refused.status).toBe(WireStatus.NotFound);
    expect(refused.answer.words).toMatch(/no multiboot,kernel/);
    tree.ensure("/ramdisk").assign({ compatible: "multiboot,ramdisk", reg: image });
    const [module] = machine.modules;
    const kernel = upload(tool, machine.ram.read(module?.hpa ?? 0, module?.size ?? 0));
    const second = upload(tool, serialize(tree));
    expect(tool.ask(OPERATIONS.Create, { description: second, kernel }).status).toBe(0);
    expect(tool.ask(OPERATIONS.Guests, { from: 2 }).records).toMatchObject([
      { name: "thief", state: WireState.Created },
    ]);
    expect(tool.ask(OPERATIONS.Blobs, {}).records.filter(({ owners }) => owners > 0)).toHaveLength(1);
  });

  it("hold their blobs, run, and give everything back, time and again", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const [module] = machine.modules;
    const kernelBytes = machine.ram.read(module?.hpa ?? 0, module?.size ?? 0);
    const counts: ReturnType<typeof holdings>[] = [];
    for (let round = 0; round < 4; round++) {
      const description = upload(tool, describedGuest("late", 16 * 1024));
      const kernel = upload(tool, kernelBytes);
      const made = tool.ask(OPERATIONS.Create, { description, kernel, start: 1 });
      expect(made.answer).toMatchObject({ guest: 2, words: "" });
      const twice = tool.ask(OPERATIONS.Create, { description, kernel });
      expect(twice.status).toBe(WireStatus.Exists);
      tool.ask(OPERATIONS.BlobDrop, { id: description });
      tool.ask(OPERATIONS.BlobDrop, { id: kernel });
      const booted = 2 + round;
      machine.runUntil(() => machine.guest("one").log.filter((word) => word === "up").length === booted);
      const info = tool.ask(OPERATIONS.Guests, { from: 2 }).records[0];
      expect(info).toMatchObject({ name: "late", state: WireState.Running, generation: made.answer.generation });
      // The guest holds its kernel, and nobody holds its description.
      expect(tool.ask(OPERATIONS.Blobs, {}).records.map(({ id, owners }) => [id, owners])).toEqual([[kernel, 1]]);
      const action = WireAction.Destroy;
      tool.ask(OPERATIONS.GuestAction, { guest: 2, generation: made.answer.generation, action });
      tool.wait(SECOND / 5n);
      expect(tool.ask(OPERATIONS.Guests, {}).records.length).toBe(2);
      counts.push(holdings(tool));
    }
    expect(counts[0]?.blobs).toBe(0);
    expect(
      new Set(counts.slice(1).map((each) => JSON.stringify(each, (_, value: unknown) => String(value)))).size,
    ).toBe(1);
    expect(counts[3]).toEqual(counts[0]);
  });

  it("stay when the session that made them ends, with their kernel", async () => {
    const { machine, tool } = await quietMachine();
    tool.hello();
    const [module] = machine.modules;
    const kernel = upload(tool, machine.ram.read(module?.hpa ?? 0, module?.size ?? 0));
    const description = upload(tool, describedGuest("late", 16 * 1024));
    expect(tool.ask(OPERATIONS.Create, { description, kernel, start: 1 }).status).toBe(0);
    const other = new Toolstack(machine, 77);
    other.hello();
    other.wait(SECOND / 5n);
    expect(other.ask(OPERATIONS.Blobs, {}).records).toMatchObject([{ id: kernel, owners: 1, state: 2 }]);
    expect(other.ask(OPERATIONS.GuestAction, { guest: 2, action: WireAction.Reset }).status).toBe(0);
    const boots = () => machine.guest("one").log.filter((word) => word === "up").length;
    machine.runUntil(() => boots() === 3);
  });
});
