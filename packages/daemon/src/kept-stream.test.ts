// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeptStream } from "./kept-stream.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "typeone-kept-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => Buffer.from(text);
const open = (): KeptStream => new KeptStream(path.join(folder, "web.log"), { fileBytes: 8, files: 3 });

describe("a kept stream", () => {
  it("goes on where it was after another process kept it", () => {
    const first = open();
    first.begin("1");
    first.append("1", 100, bytes("hello"));
    const second = open();
    second.begin("1");
    expect(second.position("1")).toBe(105);
    expect(second.history().toString()).toBe("hello");
  });

  it("forgets all of the guest before when another one has the name", async () => {
    const stream = open();
    stream.begin("1");
    for (let i = 0; i < 5; i++) stream.append("1", 6 * i, bytes("secret"));
    expect((await readdir(folder)).length).toBeGreaterThan(2);
    stream.begin("2");
    expect(stream.history().length).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    expect(stream.position("2")).toBeUndefined();
    stream.append("2", 7, bytes("new"));
    expect(open().position("2")).toBe(10);
    expect(stream.history().toString()).toBe("new");
  });
});
