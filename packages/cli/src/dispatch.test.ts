// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { asCliError } from "./errors.ts";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import { distance, nearest } from "./suggest.ts";
import { apiError, fakeHost } from "./testing/fake-host.ts";
import { typeone } from "./testing/run.ts";
import { type VerbTable, lookUp } from "./verb.ts";
import { VERBS } from "./verbs/index.ts";

const paths = (verbs: VerbTable, above: readonly string[] = []): string[] =>
  Object.entries(verbs).flatMap(([name, entry]) =>
    entry.verbs ? paths(entry.verbs, [...above, name]) : [[...above, name].join(" ")],
  );

describe("the table of verbs", () => {
  it("loads every verb, and its help names usage, options and an example that it understands", async () => {
    for (const path of paths(VERBS)) {
      const { code, out, err } = await typeone(`${path} --help`);
      expect([path, code, err]).toEqual([path, 0, ""]);
      expect(out).toContain(`Usage: typeone ${path} [options]`);
      expect(out).toContain("Examples\n  typeone ");
    }
  });

  it("has xl's names", () => {
    const xl = ["list", "unpause", "vcpu-list", "vcpu-pin", "vcpu-set", "dmesg", "info", "top", "console", "shutdown"];
    for (const name of [...xl, "create", "destroy", "reboot", "pause"])
      expect([name, lookUp(VERBS, name)]).toEqual([name, expect.anything()]);
  });

  it("has no name twice", () => {
    const check = (verbs: VerbTable): void => {
      const names = Object.entries(verbs).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
      expect(names).toEqual([...new Set(names)]);
      for (const { verbs: inner } of Object.values(verbs)) if (inner) check(inner);
    };
    check(VERBS);
  });
});

describe("command lines that are wrong end with 2 and do nothing", () => {
  const host = fakeHost();
  it.each([
    ["lss", "did you mean ls?"],
    ["vcpu pn web 0 1", "did you mean pin?"],
    ["frobnicate", "typeone --help"],
    ["ls --jsn", "did you mean --json?"],
    ["ls -Z", "there is no option -Z"],
    ["ls web", '"web" is one word too many'],
    ["pause", "say which guest, or --all"],
    ["pause --all web", "exclude each other"],
    ["pause web --timeout", "--timeout needs a value"],
    ["pause web --timeout soon", "--timeout must be a number of seconds"],
    ["pause web --all=no", "--all takes no value"],
    ["console", "NAME is missing"],
    ["ls -o xml", "must be one of table, json"],
    ["mem web here", "GPA must be an address"],
    ["mem web 0x80000000 0", "LENGTH must be a whole number from 1"],
    ["vcpu pin web 0 7", "the host has no hart 7"],
    ["vcpu pin web 0 1-0", "write 0-1"],
    ["vcpu pin web 0 ^0", "leaves no hart"],
    ["vcpu set web many", "COUNT must be"],
    ["vcpu tune web 0", "say --priority"],
    ["top", "add -b for text"],
    ["top -b -d 0", "--delay must be"],
    ["top -b -s size", "must be one of cpu, name"],
    ["create", "a configuration FILE, or --kernel"],
    ["compile x.yaml -o x.txt", "source or a blob"],
    ["completion tcsh", "bash, zsh, fish"],
    ["trace --kinds everything", "names no kinds"],
    ["trace -o x --histogram", "exclude each other"],
    ["help frob", "there is no help on"],
    ["--frob", "there is no option --frob here"],
  ])("%s", async (line, message) => {
    const { code, out, err } = await typeone(line, { host });
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^\s+at /m);
    expect(host.calls).toEqual([]);
  });
});

describe("exit codes", () => {
  it("are in the help, with their meaning", async () => {
    const { code, out } = await typeone("help exit-codes");
    expect(code).toBe(0);
    for (const [number, meaning] of EXIT_MEANINGS)
      expect(out).toMatch(new RegExp(`^ +${number} +${meaning.slice(0, 12)}`, "m"));
    expect(JSON.parse((await typeone("help exit-codes --json")).out)).toHaveLength(EXIT_MEANINGS.length);
  });

  it.each([
    ["not-found", 3],
    ["state", 4],
    ["busy", 4],
    ["exists", 4],
    ["limit", 4],
    ["no-host", 5],
    ["unavailable", 5],
    ["timeout", 1],
    ["internal", 1],
  ])("%s is %i", (code, exit) => {
    expect(asCliError(apiError({ code, message: "m" }))?.exit).toBe(exit);
  });

  it("no host is 5 with what to type; an unknown one too", async () => {
    expect(await typeone("ls")).toMatchObject({
      code: 5,
      err: "error: no host is running\nfix: start one with: typeone run FILE\n",
    });
    expect(await typeone("-H other ls", { host: fakeHost() })).toMatchObject({ code: 5 });
    expect(await typeone("ls --host other", { host: fakeHost() })).toMatchObject({ code: 5 });
    expect(await typeone("-H lab ls -q", { host: fakeHost() })).toMatchObject({ code: 0, out: "web\ndb\n" });
  });

  it("a defect of ours shows where it is", async () => {
    const host = fakeHost();
    Object.assign(host.client, { guests: () => Promise.reject(new TypeError("oops")) });
    const { code, err } = await typeone("ls", { host });
    expect([code, err]).toEqual([1, expect.stringMatching(/defect[\s\S]*TypeError: oops\n\s+at /)]);
  });

  it("an interrupted verb is 130", async () => {
    const host = fakeHost();
    const controller = new AbortController();
    Object.assign(host.client, {
      consoleLog: async function* () {
        yield Buffer.from("line\n");
        controller.abort();
      },
    });
    expect(await typeone("logs -f web", { host, signal: controller.signal })).toMatchObject({
      code: 130,
      out: "line\n",
    });
  });
});

describe("suggestions", () => {
  it("count edits as people make them", () => {
    expect([distance("ls", "ls"), distance("sl", "ls"), distance("lss", "ls"), distance("", "abc")]).toEqual([
      0, 1, 1, 3,
    ]);
    expect(nearest("destory", ["destroy", "doctor", "demo"])).toEqual(["destroy"]);
    expect(nearest("comp", ["compile", "completion", "crash"])).toEqual(["compile", "completion"]);
    expect(nearest("zzz", ["ls", "top"])).toEqual([]);
  });
});
