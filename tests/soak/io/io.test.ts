// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { fioCommand, fioRound, iperfCommand, roundCommand } from "./jobs.ts";
import { isStorm, parseFio, parseIperf, parseTcp, reportsIn } from "./reports.ts";
import { tableOf, Totals } from "./totals.ts";

describe("the jobs", () => {
  it("check every block that they write", () => {
    for (const job of fioRound("/dev/vdb", 3, 64)) {
      const words = fioCommand(job).split(" ");
      expect(words).toContain("--verify=crc32c");
      expect(words).toContain("--verify_fatal=1");
      expect(words).toContain("--randseed=4");
      expect(words).toContain("--filename=/dev/vdb");
    }
  });

  it("stay in the area that they may write, on pages of it", () => {
    for (let round = 0; round < 100; round++) {
      for (const { offset, bytes, blockBytes } of fioRound("/dev/vdb", round, 48)) {
        expect(offset + bytes).toBeLessThanOrEqual(48 << 20);
        expect(offset % 4096).toBe(0);
        expect(bytes).toBeGreaterThanOrEqual(blockBytes);
      }
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

describe("a round", () => {
  const work = { targets: { disk: "/dev/vdb", ram: "/dev/vdc" }, round: 2, sizeMiB: 48 };

  it("fits into a line of a terminal, with everything in it", () => {
    const iperf = { server: "10.0.2.16", seconds: 16, streams: 2, direction: "reverse" } as const;
    const command = roundCommand({ ...work, iperf });
    expect(command.length).toBeLessThan(4000);
    expect(command).not.toContain("\n");
    expect(command.match(/--output=\S+/g)).toHaveLength(2);
    expect(command.match(/&/g)?.length).toBeGreaterThanOrEqual(3);
    expect(command.match(/--bs=512 /g)).toHaveLength(2);
    expect(command).toContain("iperf3 --client 10.0.2.16");
    expect(roundCommand(work)).not.toContain("iperf3");
    expect(roundCommand({ ...work, round: 3 })).not.toContain("--bs=512 ");
  });

  it("is read back report by report", () => {
    const output = 'noise\nFILE /tmp/soak/fio-disk-0.json\n{"a":1}\nFILE /tmp/soak/iperf.json\n{"b":2}\n';
    expect([...reportsIn(output)]).toEqual([
      ["fio-disk-0", '{"a":1}\n'],
      ["iperf", '{"b":2}\n'],
    ]);
    expect(reportsIn("nothing").size).toBe(0);
  });
});

describe("parseTcp", () => {
  it("finds values by their names", () => {
    const text = "Ip: A\nIp: 1\nTcp: InSegs OutSegs RetransSegs\nTcp: 5 4000 7\n";
    expect(parseTcp(text)).toEqual({ sent: 4000, retransmitted: 7 });
    expect(() => parseTcp("Tcp: InSegs\nTcp: 5\n")).toThrow("no OutSegs");
  });

  it("takes a storm for one, and a few segments for nothing", () => {
    expect(isStorm({ sent: 1000, retransmitted: 99 })).toBe(false);
    expect(isStorm({ sent: 100_000, retransmitted: 4000 })).toBe(false);
    expect(isStorm({ sent: 100_000, retransmitted: 6000 })).toBe(true);
  });
});

describe("Totals", () => {
  it("adds up by kind, and knows by which nothing was checked", () => {
    const totals = new Totals();
    totals.add({ what: "a", written: 1e6, checked: 2e6, errors: 0 });
    totals.add({ what: "a", written: 1e6, checked: 0, errors: 3 });
    totals.add({ what: "bb", written: 0, checked: 0, errors: 0 });
    expect(totals.errors).toBe(3);
    expect(totals.idle).toEqual(["bb"]);
    expect(tableOf(totals.rows)).toEqual([
      "    MB written  MB checked  errors",
      "a          2.0         2.0       3",
      "bb         0.0         0.0       0",
    ]);
  });
});
