// SPDX-License-Identifier: Apache-2.0
// What is compiled here is read by the core as it was meant: core/guest/describe.ts itself, on the blob of a request.
import { readFileSync } from "node:fs";
import path from "node:path";
import { loadUnit } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import { compileGuest, type Guest, type GuestInput, guestSchema } from "./index.ts";
import { toGuest } from "./system.ts";

const DESCRIPTION = path.resolve(import.meta.dirname, "../../../core/guest/description.ts");

type Field = "u32" | "u64";

/** Offsets of the core's record, from its source; all fields are naturally aligned there. */
function layout(): Map<string, readonly [offset: number, type: Field]> {
  const text = /class Description \{([\s\S]*?)\n\}/.exec(readFileSync(DESCRIPTION, "utf8"))?.[1] ?? "";
  const fields = new Map<string, readonly [number, Field]>();
  let offset = 0;
  for (const [, name, type] of text.matchAll(/^ {2}(\w+): (\w+) = /gm)) {
    const wide = type === "u64";
    offset = wide ? (offset + 7) & ~7 : offset;
    fields.set(name ?? "", [offset, wide ? "u64" : "u32"]);
    offset += wide ? 8 : 4;
  }
  return fields;
}

type Described = (name: string) => number;

let read: (guest: Guest) => Described & { text: (name: string) => string };

beforeAll(async () => {
  const unit = await loadUnit("core/guest/describe.ts");
  const [blobAt, recordAt] = [unit.scratch(1 << 16), unit.scratch(4096)];
  const fields = layout();
  read = (guest) => {
    const blob = compileGuest(guest);
    unit.bytes().set(blob, blobAt);
    unit.exports["clearDescription"]?.(recordAt);
    const field = (name: string): number => {
      const [offset, type] = fields.get(name) ?? [-1, "u32"];
      const view = unit.view();
      return type === "u64"
        ? Number(view.getBigUint64(recordAt + offset, true))
        : view.getUint32(recordAt + offset, true);
    };
    // A request names its blobs beside the description: the kernel's module has a size and a blob.
    unit.view().setBigUint64(field("kernel") + 8, 64n, true);
    unit.view().setUint32(field("kernel") + 20, 1, true);
    unit.view().setUint32(recordAt + (fields.get("sent")?.[0] ?? -1), 1, true);
    const root = blobAt + new DataView(blob.buffer, blob.byteOffset).getUint32(8);
    expect(unit.exports["describeGuest"]?.(blobAt, root, recordAt)).toBe(0);
    const text = (name: string): string => {
      const at = field(name);
      return new TextDecoder().decode(unit.bytes().slice(at, at + field(`${name}Length`)));
    };
    return Object.assign(field, { text });
  };
});

const guest = (input: Partial<GuestInput>): Guest =>
  toGuest(guestSchema.parse({ name: "web-1.x", kernel: "k", memory: 64, ...input }), "/");

describe("the core reads", () => {
  it("a guest that says little, with the same defaults", () => {
    const field = read(guest({}));
    expect(field.text("name")).toBe("web-1.x");
    expect([field("memory"), field("cpus"), field("maxCpus"), field("staticHpa")]).toEqual([64 << 20, 1, 1, 0]);
    expect([field("policy"), field("priority"), field("weight"), field("affinity")]).toEqual([0, 3, 256, 0]);
    expect([field("onCrash"), field("onReboot"), field("onPoweroff"), field("restartLimit")]).toEqual([0, 1, 0, 10]);
  });

  it("a guest that says everything", () => {
    const field = read(
      guest({
        memory: "5MiB",
        bootargs: "console=ttyS0 quiet",
        vcpus: 2,
        maxVcpus: 8,
        affinity: "0-3,^1",
        policy: "rate-monotonic",
        priority: 7,
        weight: 10_000,
        sliceUs: 1234,
        periodUs: 1e12,
        budgetUs: 2000,
        staticMemory: "0xa0000000",
        onCrash: "destroy",
        onReboot: "preserve",
        onPoweroff: "restart",
        restartLimit: 0,
      }),
    );
    expect([field("memory"), field("cpus"), field("maxCpus")]).toEqual([5 << 20, 2, 8]);
    expect(field("staticHpa")).toBe(0xa000_0000);
    expect(field.text("bootargs")).toBe("console=ttyS0 quiet");
    expect([field("affinity"), field("policy"), field("priority"), field("weight")]).toEqual([0b1101, 1, 7, 10_000]);
    expect([field("slice"), field("period"), field("budget")]).toEqual([1234, 1e12, 2000]);
    expect([field("onCrash"), field("onReboot"), field("onPoweroff"), field("restartLimit")]).toEqual([2, 0, 1, 0]);
  });

  it.each(["priority", "rate-monotonic", "pinned"] as const)("policy %s", (policy) => {
    const index = ["priority", "rate-monotonic", "pinned"].indexOf(policy);
    expect(read(guest({ policy }))("policy")).toBe(index);
  });
});
