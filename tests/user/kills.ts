// SPDX-License-Identifier: Apache-2.0
// Processes die in the middle of a create: the background process of the host, or the command itself. The machine goes
// on, the next command takes over, and the guest is whole or was never there.
import assert from "node:assert/strict";
import { assertNoGap, BOOT_MS, type Case, counted, counting, guestYaml, type HostFacts, type World } from "./world.ts";

/** A death comes when the create's progress says this. */
interface Moment {
  readonly name: string;
  readonly sign: RegExp;
}

const SENDING: readonly Moment[] = [
  { name: "at 10 % of the upload", sign: /\b[1-9]\d%/ },
  { name: "at 50 % of the upload", sign: /\b[5-9]\d%/ },
  // The progress is redrawn five times a second: 90 may never be shown.
  { name: "at 80 % of the upload or later", sign: /\b[89]\d%|send initramfs/ },
];
const MAKING: readonly Moment[] = [
  { name: "as the create is sent", sign: /create the guest/ },
  { name: "after the answer", sign: /: started/ },
];

type Counters = Readonly<Record<string, number>>;
const HELD = ["guests", "vcpus", "memoryFreeBytes", "tablePagesFree", "blobs", "vmidsInUse", "linesRaised"];

async function counters({ box }: World): Promise<Counters> {
  const all = await box.json<Record<string, number>>("host stats");
  return Object.fromEntries(HELD.map((name) => [name, all[name] ?? -1]));
}

const same = (a: Counters, b: Counters): boolean => HELD.every((name) => a[name] === b[name]);

function killProcess(pid: number): void {
  process.kill(pid, "SIGKILL");
}

let victims = 0;

/** Each has a name of its own: the history of a name is kept when its guest is gone. */
function victimOf({ box }: World): { readonly name: string; readonly file: string } {
  const name = `victim${++victims}`;
  return { name, file: box.file(`${name}.yaml`, guestYaml(name)) };
}

/** If the guest is there it must be whole; it is destroyed, and everything that it took must be back. */
async function settle(world: World, victim: string, before: Counters): Promise<"whole" | "absent"> {
  const { box } = world;
  const state = await world.state(victim);
  if (state !== "gone") {
    await box.until(
      `${victim} is whole`,
      () => world.log(victim),
      (text) => text.includes(`TYPEONE-GUEST-UP ${victim}`),
      BOOT_MS,
    );
    assert.equal(await world.state(victim), "running");
    await box.ok(["destroy", victim, "--yes"]);
  }
  await box.until(
    `everything that ${victim} had is back`,
    () => counters(world),
    (now) => same(now, before),
    30_000,
  );
  return state === "gone" ? "absent" : "whole";
}

/** Kills the background process at a moment of a create; what the command says about it must be clean. */
async function killAt(world: World, moment: Moment, before: Counters): Promise<void> {
  const { box } = world;
  const facts = await world.facts();
  const { name, file } = victimOf(world);
  const pty = box.terminal(["create", file]);
  await pty.expect(moment.sign, 60_000);
  killProcess(facts.daemonPid);
  const code = await pty.exited;
  assert.ok(code === 5 || (code === 0 && MAKING.includes(moment)), `create ended with ${code}\n${pty.text}`);
  assert.doesNotMatch(pty.text, /defect|^\s+at /m);
  await adopted(world, facts);
  const end = await settle(world, name, before);
  if (!MAKING.includes(moment)) assert.equal(end, "absent", `a guest came of an upload that was cut ${moment.name}`);
  if (moment.name === "after the answer") assert.equal(end, "whole", "the answer came, and the guest is not there");
}

async function adopted(world: World, before: HostFacts): Promise<void> {
  assert.equal(await world.state("alpha"), "running");
  const now = await world.facts();
  assert.equal(now.qemuPid, before.qemuPid, "QEMU is another one");
  assert.notEqual(now.daemonPid, before.daemonPid);
}

/** alpha counts in the background; its history must have every number when all is over. */
async function whileCounting(world: World, mark: string, work: () => Promise<void>): Promise<void> {
  await world.host();
  await world.atConsole("alpha", async (pty) => {
    pty.type(counting(mark));
    await pty.expect(new RegExp(`^${mark} 2\\r?$`, "m"));
  });
  await work();
  const last = counted(await world.log("alpha"), mark).at(-1) ?? 0;
  await world.box.until(
    "alpha goes on",
    async () => counted(await world.log("alpha"), mark),
    (numbers) => (numbers.at(-1) ?? 0) > last,
  );
  await world.atConsole("alpha", async (pty) => {
    pty.type("\rkill $!; echo over-$((1+1))\r");
    await pty.expect("over-2");
  });
  const all = counted(await world.log("alpha"), mark);
  assert.equal(all[0], 1);
  assertNoGap(all, "alpha's history over the deaths");
}

const daemonDies = (name: string, mark: string, moments: readonly Moment[]): Case => ({
  name: `the background process is killed ${name}: QEMU, guests and consoles go on`,
  limitSeconds: 300,
  run: (world) =>
    whileCounting(world, mark, async () => {
      const before = await counters(world);
      for (const moment of moments) await killAt(world, moment, before);
    }),
});

const commandDies: Case = {
  name: "typeone create is killed in the middle: no guest, nothing lost",
  limitSeconds: 120,
  async run(world) {
    const { box } = world;
    const facts = await world.host();
    const before = await counters(world);
    const { name, file } = victimOf(world);
    const pty = box.terminal(["create", file]);
    await pty.expect(/\b[3-9]\d%/, 60_000);
    await pty.kill();
    assert.equal(await settle(world, name, before), "absent");
    assert.equal((await world.facts()).daemonPid, facts.daemonPid);
    // Ctrl-C says so, and does the same.
    const asked = box.terminal(["create", file]);
    await asked.expect(/\b[3-9]\d%/, 60_000);
    asked.type("\u0003");
    assert.equal(await asked.exited, 130);
    assert.equal(await settle(world, name, before), "absent");
  },
};

const machineDies: Case = {
  name: "QEMU is killed: the host is gone, and can be started again",
  limitSeconds: 180,
  async run(world) {
    const { box } = world;
    const { qemuPid } = await world.host();
    const pty = box.terminal("console alpha");
    await pty.expect("Ctrl-] leaves");
    killProcess(qemuPid);
    await pty.expect("the console of alpha has ended");
    await box.until(
      "the host is gone",
      () => box.run("ls"),
      ({ code }) => code === 5,
    );
    await world.host();
    await box.ok("stop --yes");
    await box.fails("ls", 5);
  },
};

export const killCases: readonly Case[] = [
  daemonDies("during the upload", "step", SENDING),
  daemonDies("around the create", "mark", MAKING),
  commandDies,
  machineDies,
];
