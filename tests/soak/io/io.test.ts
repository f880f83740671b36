// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { fioCommand, fioRound, iperfCommand } from "./jobs.ts";
import { parseFio, parseIperf } from "./reports.ts";

describe("the jobs", () => {
  it("check every block that they write", () => {
    for (const job of fioRound("/dev/vdb", 3, { sizeMiB: 64, seconds: 5 })) {
      const words = fioCommand(job).split(" ");
      expect(words).toContain("--verify=crc32c");
      expect(words).toContain("--verify_fatal=1");
      expect(words).toContain("--randseed=4");
      expect(words).toContain("--filename=/dev/vdb");
    }
  });

  it("send in both directions", () => {
    const job = { server: "10.0.0.2", seconds: 10, streams: 2, direction: "forward" } as const;
    expect(iperfCommand(job)).not.toContain("--reverse");
    expect(iperfCommand({ ...job, direction: "reverse" })).toContain(" --reverse ");
  });
});

describe("parseFio", () => {
  const job = (error: number, total: number) => ({
    error,
    total_err: total,
    write: { io_bytes: 4096 },
    read: { io_bytes: 512 },
  });
  const report = (...jobs: unknown[]) => `fio: note\n${JSON.stringify({ jobs })}\n`;

  it("sums jobs and their errors", () => {
    expect(parseFio(report(job(0, 0), job(0, 0)))).toEqual({ errors: 0, writtenBytes: 8192, readBytes: 1024 });
    expect(parseFio(report(job(84, 3), job(0, 0))).errors).toBe(4);
  });

  it("takes no report and an empty one for what they are", () => {
    expect(() => parseFio("fio: not found")).toThrow("no report");
    expect(() => parseFio(report())).toThrow("no jobs");
  });
});

describe("parseIperf", () => {
  it("reads bytes and errors", () => {
    const end = { sum_received: { bytes: 1000 }, sum_sent: { retransmits: 2 } };
    expect(parseIperf(JSON.stringify({ end }))).toEqual({ error: undefined, receivedBytes: 1000, retransmits: 2 });
    expect(parseIperf(JSON.stringify({ error: "unable to connect" })).error).toBe("unable to connect");
  });
});
