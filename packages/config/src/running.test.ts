// SPDX-License-Identifier: Apache-2.0
// Guests for a host that runs already are checked against that host, one at a time, whatever their file says.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadGuest } from "./load.ts";

const GIB = 1 << 30;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "typeone-running-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function load(settings: object, running: { harts: number; memoryBytes: number }) {
  const file = path.join(folder, "guest.json");
  await writeFile(file, JSON.stringify({ name: "a", kernel: "debian", ...settings }));
  return loadGuest(file, undefined, { running });
}

describe("a guest for a host that runs", () => {
  it("may use what that host has", async () => {
    const { guest, problems } = await load({ memory: "1200MiB", affinity: "3" }, { harts: 4, memoryBytes: 2 * GIB });
    expect(problems).toEqual([]);
    expect(guest?.affinity).toEqual([3]);
  });

  it("is refused what that host lacks", async () => {
    const { guest, problems } = await load({ memory: "1200MiB", affinity: "3" }, { harts: 2, memoryBytes: GIB });
    expect(guest).toBeUndefined();
    expect(problems.map(({ message }) => message).join("\n")).toMatch(/hart 3 is not there/);
    expect(problems.map(({ message }) => message).join("\n")).toMatch(/the host has 1 ?GiB/);
  });
});
