// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CpioEntry, writeCpio } from "./cpio.ts";

interface Read {
  name: string;
  mode: number;
  data: Buffer;
  rdev: [number, number];
}

/** A reader written from the format's description, independent of the writer. */
function readCpio(archive: Buffer): Read[] {
  const found: Read[] = [];
  let at = 0;
  for (;;) {
    const start = at;
    expect(at % 4).toBe(0);
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const field = (i: number) => Number.parseInt(archive.toString("latin1", start + 6 + i * 8, start + 14 + i * 8), 16);
    const nameAt = at + 110;
    const name = archive.toString("utf8", nameAt, nameAt + field(11) - 1);
    expect(archive[nameAt + field(11) - 1]).toBe(0);
    const dataAt = (nameAt + field(11) + 3) & ~3;
    const data = archive.subarray(dataAt, dataAt + field(6));
    at = (dataAt + field(6) + 3) & ~3;
    if (name === "TRAILER!!!") {
      expect(archive.length).toBe(Math.ceil(at / 512) * 512);
      expect(archive.subarray(at).every((byte) => byte === 0)).toBe(true);
      return found;
    }
    found.push({ name, mode: field(1), data, rdev: [field(9), field(10)] });
  }
}

describe("writeCpio", () => {
  it("writes each kind of entry", () => {
    const read = readCpio(
      writeCpio([
        { kind: "directory", name: "bin" },
        { kind: "file", name: "bin/a", data: "hello", mode: 0o755 },
        { kind: "symlink", name: "bin/b", target: "a" },
        { kind: "device", name: "console", major: 5, minor: 1 },
      ]),
    );
    expect(read.map((entry) => entry.mode.toString(8))).toEqual(["40755", "100755", "120777", "20600"]);
    expect(read[1]?.data.toString()).toBe("hello");
    expect(read[2]?.data.toString()).toBe("a");
    expect(read[3]?.rdev).toEqual([5, 1]);
  });

  it("round-trips any files", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,40}$/);
    const file = fc.record({ name, data: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: (entry) => entry.name, maxLength: 20 }), (files) => {
        const read = readCpio(writeCpio(files.map((entry) => ({ kind: "file", ...entry }) as CpioEntry)));
        expect(read.map((entry) => [entry.name, [...entry.data]])).toEqual(
          files.map((entry) => [entry.name, [...entry.data]]),
        );
      }),
    );
  });

  it("refuses a missing directory and a name given twice", () => {
    expect(() => writeCpio([{ kind: "file", name: "bin/a", data: "" }])).toThrow(/before its directory/);
    expect(() =>
      writeCpio([
        { kind: "file", name: "a", data: "" },
        { kind: "file", name: "/a", data: "" },
      ]),
    ).toThrow(/twice/);
  });
});
