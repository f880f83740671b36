// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { fakeHost } from "../testing/fake-host.ts";
import { typeone } from "../testing/run.ts";

describe("ls", () => {
  it("is a table", async () => {
    const { code, out } = await typeone("ls", { host: fakeHost() });
    expect(code).toBe(0);
    expect(out).toBe(
      [
        "NAME  ID  STATE    VCPUS   MEMORY  CPU TIME    UP  RESTARTS",
        "web    1  running      2  256 MiB     3.0 s  1:05         0",
        "db     2  crashed      1  256 MiB     3.0 s  1:05         0",
        "",
      ].join("\n"),
    );
  });

  it("is JSON in three ways, and before the verb", async () => {
    for (const line of ["ls -o json", "ls --json", "-o json list", "ls --output=json"]) {
      const guests = JSON.parse((await typeone(line, { host: fakeHost() })).out) as { name: string }[];
      expect([line, guests.map(({ name }) => name)]).toEqual([line, ["web", "db"]]);
    }
  });

  it("says that there are none on standard error, and an empty list in JSON", async () => {
    const host = fakeHost();
    host.guests.length = 0;
    expect(await typeone("ls", { host })).toMatchObject({
      code: 0,
      out: "",
      err: expect.stringContaining("no guests") as string,
    });
    expect(await typeone("ls --json", { host })).toMatchObject({ code: 0, out: "[]\n", err: "" });
  });
});

describe("actions", () => {
  it.each([
    ["start web", "start web", "web: started\n"],
    ["pause web", "pause web", "web: paused\n"],
    ["unpause web", "resume web", "web: running\n"],
    ["reset 1", "reset web", "web: reset\n"],
    ["reboot web --no-wait", "reboot web (no wait)", "web: asked to reboot\n"],
    ["shutdown web -t 1.5", "shutdown web 1500", "web: off\n"],
    ["shutdown --force web", "poweroff web", "web: off\n"],
    ["poweroff web", "poweroff web", "web: off\n"],
    ["destroy web", "destroy web", "web: destroyed\n"],
  ])("%s", async (line, call, said) => {
    const host = fakeHost();
    expect(await typeone(line, { host })).toMatchObject({ code: 0, out: "", err: said });
    expect(host.calls).toEqual([call]);
  });

  it("answer JSON with the state that was reached", async () => {
    expect(JSON.parse((await typeone("pause web --json", { host: fakeHost() })).out)).toEqual([
      { guest: "web", state: "paused" },
    ]);
    expect(JSON.parse((await typeone("destroy web db --json", { host: fakeHost() })).out)).toEqual([
      { guest: "web", state: "gone" },
      { guest: "db", state: "gone" },
    ]);
  });

  it("do what they can, and end with the code of what failed", async () => {
    const host = fakeHost();
    const result = await typeone("pause db nobody web", { host });
    expect(host.calls).toEqual(["pause db", "pause web"]);
    expect(result.code).toBe(4);
    expect(result.err).toBe(
      "error: guest db has crashed\nerror: there is no guest nobody\nfix: typeone ls shows them\nweb: paused\n",
    );
    expect((await typeone("pause nobody", { host })).code).toBe(3);
  });

  it("take all guests", async () => {
    const host = fakeHost();
    await typeone("destroy --all --yes", { host });
    expect(host.calls).toEqual(["destroy web", "destroy db"]);
  });

  it("ask before they destroy, but only a person, and not with --yes", async () => {
    const host = fakeHost();
    const no = await typeone("destroy web", { host, answer: "no" });
    expect([no.asked, no.code, host.calls]).toEqual([["Destroy web?"], 1, []]);
    const yes = await typeone("destroy web", { host, answer: "yes" });
    expect([yes.asked, yes.code, host.calls]).toEqual([["Destroy web?"], 0, ["destroy web"]]);
    expect((await typeone("destroy web -f", { host, answer: "no" })).asked).toEqual([]);
  });
});

describe("info", () => {
  it("tells all about a guest", async () => {
    const { out } = await typeone("info web", { host: fakeHost() });
    expect(out).toContain("state        running\n");
    expect(out).toContain("vCPUs        2 of 4 may run, 2 started\n");
    expect(out).toContain("  by kind    sbi-timer 1,000, mmio-store 400\n");
    expect(JSON.parse((await typeone("info web --json", { host: fakeHost() })).out)).toMatchObject({
      name: "web",
      vcpuList: [{}, {}],
    });
    expect((await typeone("info nobody", { host: fakeHost() })).code).toBe(3);
  });

  it("without a name tells about the host", async () => {
    const { out } = await typeone("info", { host: fakeHost() });
    expect(out).toContain("memory        448 MiB free of 960 MiB for guests\n");
    expect(JSON.parse((await typeone("info --json", { host: fakeHost() })).out)).toMatchObject({
      name: "lab",
      qemuPid: 100,
    });
  });
});

describe("vcpu", () => {
  it("lists all or one guest's", async () => {
    const { out } = await typeone("vcpu-list", { host: fakeHost() });
    expect(out.split("\n")).toEqual([
      "GUEST  VCPU  STATE    HSM      HART  CPU TIME  POLICY    PRIO  WEIGHT  AFFINITY",
      "web       0  running  started     0     1.5 s  priority     3     256  all",
      "web       1  waiting  started     1     1.5 s  priority     3     256  all",
      "db        0  running  started     0     1.5 s  priority     3     256  all",
      "",
    ]);
    expect(JSON.parse((await typeone("vcpu ls db --json", { host: fakeHost() })).out)).toHaveLength(1);
  });

  it.each([
    ["vcpu pin web 0 1", ['vcpu web 0 {"affinity":[1]}']],
    ["vcpu-pin web all 0-1,^0", ['vcpu web 0 {"affinity":[1]}', 'vcpu web 1 {"affinity":[1]}']],
    ["vcpu pin web 1 all", ['vcpu web 1 {"affinity":[0,1]}']],
    ["vcpu pause web 1", ['vcpu web 1 {"paused":true}']],
    ["vcpu unpause web 1", ['vcpu web 1 {"paused":false}']],
    ["vcpu tune web 0 -p 7 --weight 512", ['vcpu web 0 {"priority":7,"weight":512}']],
    ["vcpu-set web 3", ["vcpus web 3"]],
  ])("%s", async (line, calls) => {
    const host = fakeHost();
    expect((await typeone(line, { host })).code).toBe(0);
    expect(host.calls).toEqual(calls);
  });

  it("knows which vCPUs there are", async () => {
    expect(await typeone("vcpu pause web 9", { host: fakeHost() })).toMatchObject({
      code: 3,
      err: "error: guest web has no vCPU 9\nfix: it has 0, 1\n",
    });
  });

  it("shows exits by kind and registers", async () => {
    const { out } = await typeone("vcpu stats web", { host: fakeHost() });
    expect(out).toContain("web           VCPU 0  VCPU 1\n");
    expect(out).toContain("  sbi-timer      500     500\n");
    expect((await typeone("vcpu regs web 0", { host: fakeHost() })).out).toBe(
      "ra  0x0  sp  0x1  gp  0x2  tp  0x3\nt0  0x4\n",
    );
    expect(JSON.parse((await typeone("vcpu regs web --json", { host: fakeHost() })).out)).toMatchObject({ sp: "0x1" });
  });
});

describe("create", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "typeone-cli-"));
  const file = path.join(folder, "three.yaml");
  const kernel = path.join(folder, "kernel");
  // The head of a RISC-V Linux Image: its size and its magic.
  const image = Buffer.alloc(64);
  image.writeBigUInt64LE(0x200000n, 8);
  image.writeBigUInt64LE(64n, 16);
  image.write("RISCV\0\0\0", 48, "latin1");
  image.write("RSC\x05", 56, "latin1");
  writeFileSync(kernel, image);
  writeFileSync(file, "name: three\nkernel: ./kernel\nmemory: 128MiB\nvcpus: 2\n");
  const sent = (host: ReturnType<typeof fakeHost>): Record<string, unknown> =>
    JSON.parse((host.calls.find((call) => call.startsWith("create ")) as string).slice(7)) as Record<string, unknown>;

  it("sends what the file says, with progress on standard error", async () => {
    const host = fakeHost();
    const { code, out, err } = await typeone(["create", file], { host });
    expect([code, out]).toEqual([0, ""]);
    expect(err).toMatch(/✓ look at the files[\s\S]*✓ send Image[\s\S]*✓ create the guest[\s\S]*three: started\n$/);
    expect(sent(host)).toMatchObject({ name: "three", kernel, memoryBytes: 128 << 20, vcpus: 2, start: true });
  });

  it("lets options change it", async () => {
    const host = fakeHost();
    const words = [
      "create",
      "three.yaml",
      "--name",
      "four",
      "-m",
      "64",
      "--vcpus",
      "4",
      "--affinity",
      "0-1",
      "--no-start",
      "--json",
    ];
    const { code, out } = await typeone(words, { host, cwd: folder });
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ name: "four", state: "created" })]);
    expect(sent(host)).toMatchObject({
      name: "four",
      kernel,
      memoryBytes: 64 << 20,
      vcpus: 4,
      maxVcpus: 4,
      affinity: [0, 1],
      start: false,
    });
  });

  it("makes one from options alone", async () => {
    const host = fakeHost();
    await typeone(["create", "-k", "kernel", "-n", "five", "-a", "console=ttyS0 quiet"], { host, cwd: folder });
    expect(sent(host)).toMatchObject({
      name: "five",
      kernel,
      memoryBytes: 256 << 20,
      vcpus: 1,
      bootargs: "console=ttyS0 quiet",
    });
  });

  it("tells what is wrong by the option that said it", async () => {
    const host = fakeHost();
    const { code, err } = await typeone(["create", "-k", "kernel", "-n", "a b", "--vcpus", "99"], {
      host,
      cwd: folder,
    });
    expect(code).toBe(2);
    expect(err).toContain("typeone create: error: --name:");
    expect(err).toContain("typeone create: error: --vcpus:");
    expect(host.calls).toEqual([]);
    expect((await typeone(["create", "nofile.cfg"], { host, cwd: folder })).code).toBe(3);
  });

  it("runs a host from the file, with what the command line changes", async () => {
    const host = fakeHost();
    const { code, err, started } = await typeone(
      ["run", file, "-d", "--harts", "4", "-m", "2GiB", "--aia", "aplic", "-n", "lab"],
      { host },
    );
    expect([code, err]).toEqual([0, expect.stringContaining("host lab runs")]);
    expect(started[0]).toMatchObject({
      name: "lab",
      system: { host: { harts: 4, memoryBytes: 2 ** 31, aia: "aplic" }, guests: [{ name: "three" }] },
    });
    const json = await typeone(["run", file, "-d", "--json"], { host });
    expect(JSON.parse(json.out)).toMatchObject({ name: "lab" });
  });

  it("compiles the file", async () => {
    const { code, out } = await typeone(["compile", file]);
    expect([code, out]).toEqual([0, expect.stringContaining('compatible = "xen,domain";')]);
    const blob = await typeone(["compile", file, "--format", "dtb"]);
    expect(Buffer.from(blob.out, "latin1").readUInt32BE(0)).toBe(0xd00dfeed);
    expect((await typeone(["compile", "three.yaml", "-o", "three.dtb"], { cwd: folder })).code).toBe(0);
    expect((await typeone(["compile", "--guest", "nobody", file])).code).toBe(1);
    expect(JSON.parse((await typeone("compile --json-schema")).out)).toHaveProperty("$schema");
  });
});
