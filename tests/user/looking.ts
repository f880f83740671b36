// SPDX-License-Identifier: Apache-2.0
// What a person and a script read: logs, tables, JSON, exit codes; and `top` and `run` in a terminal.
import assert from "node:assert/strict";
import { type Result, restored } from "./sandbox.ts";
import { type Case, LEAVE } from "./world.ts";

const ENTER_SCREEN = "\u001b[?1049h";
const LEAVE_SCREEN = "\u001b[?1049l";

const noHost: Case = {
  name: "without a host: exit codes 5 and 2, help",
  limitSeconds: 60,
  async run({ box }) {
    await box.run("stop --yes");
    assert.match(await box.fails("ls", 5), /typeone run/);
    await box.fails("console alpha", 5);
    await box.fails("stop", 5);
    await box.fails("lss", 2);
    await box.fails("pause", 2);
    await box.fails("run /nowhere/typeone.config.ts --detach", 3);
    assert.deepEqual(await box.json("hosts"), []);
    assert.match(await box.ok("--help"), /Usage: typeone/);
  },
};

const asJson: Case = {
  name: "-o json of every verb that prints data",
  limitSeconds: 120,
  async run(world) {
    const { box } = world;
    await world.host();
    const verbs = ["hosts", "ls", "info alpha", "info", "host info", "host stats", "vcpu ls", "crash ls", "version"];
    for (const verb of verbs) assert.ok(await box.json<unknown>(verb), verb);
    const top = await box.json<{ guests: { name: string }[]; harts: unknown[] }>("top -b -n 1 -d 0.5");
    assert.deepEqual([top.guests.map(({ name }) => name), top.harts.length], [["alpha"], 2]);
    const lines = (await box.ok("dmesg -o json")).trim().split("\n");
    const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
    assert.ok(texts.some((text) => text.includes("guest alpha runs")));
    assert.deepEqual(await box.json("pause alpha"), [{ guest: "alpha", state: "paused" }]);
    assert.deepEqual(await box.json("resume alpha"), [{ guest: "alpha", state: "running" }]);
  },
};

const asText: Case = {
  name: "top -b, logs, dmesg, crash ls as text",
  limitSeconds: 90,
  async run(world) {
    const { box } = world;
    await world.host();
    const top = await box.ok("top -b -n 1 -d 0.5");
    assert.match(top, /^default +up .* 1 guests, 1 running +memory .* free of 1 GiB\nharts +0: .*%/);
    assert.match(top, /\nalpha +1 +running +2 +128 MiB/);
    assert.match(await box.ok("logs alpha"), /TYPEONE-GUEST-UP alpha/);
    assert.equal((await box.ok("logs -n 2 alpha")).trim().split("\n").length, 2);
    assert.match(await box.ok("dmesg"), /TypeOne .*, build [\s\S]*guest alpha runs: 2 vCPU, 128 MiB/);
    assert.equal((await box.run("crash ls")).code, 0);
  },
};

const codes: Case = {
  name: "with a host: exit codes 2, 3 and 4",
  limitSeconds: 90,
  async run(world) {
    const { box } = world;
    await world.host();
    const expected: readonly (readonly [string, number])[] = [
      ["pause nobody", 3],
      ["console nobody", 3],
      ["logs nobody", 3],
      ["crash show alpha", 3],
      ["resume alpha", 4],
      ["start alpha", 4],
      ["create --kernel debian --name alpha --memory 64", 4],
      ["create --kernel debian --name large --memory 950", 4],
      ["create", 2],
      ["top -d nothing -b", 2],
    ];
    const found: [string, number][] = [];
    for (const [line] of expected) found.push([line, (await box.run(line)).code]);
    assert.deepEqual(found, expected);
    assert.equal((await world.guests()).length, 1);
  },
};

const liveTop: Case = {
  name: "top in a terminal: draws, sorts, leaves with q and Ctrl-C",
  limitSeconds: 90,
  async run(world) {
    await world.host();
    for (const key of ["q", "\u0003"]) {
      const pty = world.box.watched("top -d 0.3", { rows: 14, columns: 110 });
      await pty.expect(/NAME +ID +STATE[^\n]*CPU%\*/);
      await pty.expect(/alpha +1 +running/);
      pty.type("m");
      await pty.expect(/MEMORY\*/);
      pty.type("n");
      await pty.expect(/NAME\* +ID/);
      pty.type(key);
      assert.equal(await restored(pty), 0);
      const times = [ENTER_SCREEN, LEAVE_SCREEN].map((sequence) => pty.output.split(sequence).length - 1);
      assert.deepEqual(times, [1, 1]);
    }
  },
};

const foreground: Case = {
  name: "run in the foreground: the host's terminal; Ctrl-] d leaves it, Ctrl-] q and a signal end it",
  limitSeconds: 180,
  async run(world) {
    const { box } = world;
    const file = box.file("empty.yaml", "host: { harts: 2, memory: 256MiB }\nguests: []\n");
    const line = ["run", file, "--name", "other", "--hypervisor", world.hypervisor];
    const names = async (): Promise<string[]> => (await box.ok("hosts -q")).split("\n").filter(Boolean);
    const typed = box.watched(line);
    await typed.expect("leave it running", 60_000);
    await typed.expect("typeone> ", 60_000);
    typed.type("guest list\r");
    await typed.expect(/typeone> $/);
    typed.type(`${LEAVE}d`);
    await typed.expect("host other goes on");
    assert.equal(await restored(typed), 0);
    assert.ok((await names()).includes("other"));
    await box.ok("stop other --yes");

    const quit = box.watched(line);
    await quit.expect("typeone> ", 60_000);
    quit.type(`${LEAVE}q`);
    await quit.expect("host other: ended");
    assert.equal(await restored(quit), 0);
    assert.ok(!(await names()).includes("other"));

    const signalled = box.terminal(line);
    await signalled.expect("typeone> ", 60_000);
    await signalled.signal("SIGTERM");
    assert.equal(await signalled.exited, 130);
    assert.ok(!(await names()).includes("other"));
  },
};

/** Name of the file, its text, and what must be said about it. */
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ["syntax.yaml", "guests:\n  - name: [a\n", /syntax\.yaml:3:1: error: /],
  [
    "typo.yaml",
    "guests:\n  - name: a\n    kernel: debian\n    memroy: 64\n",
    /typo\.yaml:4:5: error: .*memroy[\s\S]*fix: did you mean "memory"/,
  ],
  [
    "much.yaml",
    "host: { memory: 128MiB }\nguests:\n  - { name: a, kernel: debian, memory: 1GiB }\n",
    /much\.yaml:3:\d+: error: .*memory/,
  ],
  [
    "gone.toml",
    '[[guests]]\nname = "a"\nkernel = "./no-such-Image"\nmemory = 64\n',
    /gone\.toml:3:1: error: .*no-such-Image/,
  ],
  ["comma.json", '{\n "host": {},\n}\n', /comma\.json:3:1: error: /],
  [
    "throws.ts",
    "const a: any = {};\n\nexport default { x: a.b.c };\n",
    /throws\.ts:3:\d+: error: fails when it is run/,
  ],
  ["broken.cfg", 'name = "a"\nkernel = "debian"\nmemory = \nvcpus = 1\n', /broken\.cfg:\d+:\d+: error: /],
  ["tree.dts", "/dts-v1/;\n/ {\n  a = <1\n};\n", /tree\.dts:4:1: error: /],
];

const brokenFiles: Case = {
  name: "broken configurations: file and line, no stack, nothing started",
  limitSeconds: 120,
  async run({ box }) {
    const hosts = await box.ok("hosts -q");
    for (const [name, text, said] of BROKEN) {
      const file = box.file(name, text);
      const { code, err }: Result = await box.run(["run", file, "--detach", "--name", "broken"]);
      assert.ok(code === 1 || code === 2, `${name} ended with ${code}\n${err}`);
      assert.match(err, said, name);
    }
    assert.equal(await box.ok("hosts -q"), hosts);
  },
};

export const fileCases: readonly Case[] = [noHost, brokenFiles, foreground];
export const lookingCases: readonly Case[] = [asText, asJson, codes, liveTop];
