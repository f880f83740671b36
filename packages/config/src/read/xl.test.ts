// SPDX-License-Identifier: Apache-2.0
// xl.cfg files: what each setting means here, and that what means nothing is said.
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { Folder } from "../../test/files.ts";
import { formatProblems, type Guest, hasErrors } from "../index.ts";

const folder = new Folder();
afterAll(() => folder.remove());

describe("xl.cfg", () => {
  const BASE = 'name = "x"\nkernel = "Image"\nmemory = 64\n';
  const guestOf = async (text: string): Promise<Guest> => {
    const { system, problems } = await folder.load("x.cfg", BASE + text);
    expect(hasErrors(problems), formatProblems(problems, { color: "never" })).toBe(false);
    return system?.guests[0] as Guest;
  };

  it.each<readonly [string, Partial<Guest>]>([
    ["", { onPoweroff: "destroy", onReboot: "restart", onCrash: "destroy", vcpus: 1 }],
    ['extra = "console=hvc0"', { bootargs: "console=hvc0" }],
    ['root = "/dev/vda1 ro"; extra = "quiet"', { bootargs: "root=/dev/vda1 ro quiet" }],
    ['cmdline = "a b"', { bootargs: "a b" }],
    ["vcpus = 2\nmaxvcpus = 0x4", { vcpus: 2, maxVcpus: 4 }],
    ['vcpus = "2"', { vcpus: 2 }],
    ['cpus = "all"', {}],
    ['cpus = "0-1,^0"', { affinity: [1] }],
    ["cpus = [ 0,\n  '1', ]  # both\n", { affinity: [0, 1] }],
    ["cpu_weight = 512", { weight: 512 }],
    ["on_crash = \"preserve\"; on_reboot = 'destroy'", { onCrash: "preserve", onReboot: "destroy" }],
    ['extra = """two\nlines"""', { bootargs: "two\nlines" }],
    ['extra = "a"\nextra += " b"', { bootargs: "a b" }],
    ["maxmem = 64", { memoryBytes: 64 << 20 }],
  ])("%j", async (text, expected) => {
    expect(await guestOf(text)).toMatchObject(expected);
    expect(expected.affinity === undefined).toBe((await guestOf(text)).affinity === undefined);
  });

  it.each([
    [
      "disk = [ 'phy:/dev/vg0/lv0,xvda,w' ]",
      /^x.cfg:4:10: error: disk: there is no file \/dev\/vg0\/lv0\n {2}fix: there is no folder \/dev\/vg0/,
    ],
    ["vif = [ 'bridge=lan,ip=10.0.0.1' ]", /^x.cfg:4:9: warning: vif: ip is ignored: it has no meaning/],
    ["maxmem = 128", /warning: maxmem: is ignored: a guest's memory does not grow/],
    ["vnc = 1", /warning: vnc: is ignored: is about displays/],
    ["pci = [ '01:00.0' ]", /warning: pci: is ignored: devices of the host/],
    ["type = 'pvh'", /note: type: is not needed/],
    ["builder = 'generic'", /note: builder: is not needed/],
    ["vcpu = 2", /warning: vcpu: is ignored: neither xl nor TypeOne has this setting\n {2}fix: did you mean vcpus/],
    ["on_crash = 'coredump-restart'", /warning: on_crash: coredump-restart means restart here/],
    ["cpus = ['0', '1']", /warning: cpus: a list pins each vCPU by itself/],
    ["cpus = 'node:0'", /warning: cpus: is ignored: "node:0" names a NUMA node/],
    ["cmdline = 'a'\nextra = 'b'", /x.cfg:5:1: warning: extra: is ignored: cmdline is the whole/],
    ["vcpus = 1\nvcpus = 2", /x.cfg:5:1: warning: vcpus: is set twice: line 4 does not count/],
  ])("%j is not dropped in silence", async (text, message) => {
    const problems = await folder.problems("x.cfg", `${BASE}${text}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it("no text breaks the reader", async () => {
    const token = fc.constantFrom(
      "name",
      "=",
      "+=",
      '"x"',
      "'y'",
      "[",
      "]",
      ",",
      "\n",
      ";",
      "#",
      "1",
      '"',
      "memory",
      "cpus",
      "=\n",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 25 }), async (tokens) => {
        await folder.load("x.cfg", tokens.join(" "), { look: "none" });
      }),
      { numRuns: 200 },
    );
  });
});
