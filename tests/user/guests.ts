// SPDX-License-Identifier: Apache-2.0
// Guests as a person handles them: made beside one that works, looked at, stopped and started, ended.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  assertNoGap,
  BOOT_MS,
  type Case,
  counted,
  counting,
  guestCfg,
  guestYaml,
  LEAVE,
  type Guest,
  type World,
} from "./world.ts";

/** The longest time that a growing list of numbers stood still while `work` went on. */
async function longestPause(look: () => number, work: Promise<unknown>): Promise<number> {
  let [running, longest, since, last] = [true, 0, Date.now(), look()];
  const end = (): void => void (running = false);
  work.then(end, end);
  while (running) {
    await sleep(20);
    const now = look();
    if (now !== last) [last, since] = [now, Date.now()];
    longest = Math.max(longest, Date.now() - since);
  }
  return longest;
}

const createBeside: Case = {
  name: "create: a YAML and an xl.cfg guest, while another one's console goes on",
  limitSeconds: 300,
  async run(world) {
    const { box } = world;
    await world.host();
    const files = [box.file("second.yaml", guestYaml("second")), box.file("third.cfg", guestCfg("third"))];
    await world.atConsole("alpha", async (pty) => {
      await pty.expect("alpha:~# ");
      pty.type(counting("tick"));
      await pty.expect(/^tick 2\r?$/m);
      for (const file of files) {
        const start = Date.now();
        const work = box.ok(["create", file]);
        const pause = await longestPause(() => counted(pty.text, "tick").at(-1) ?? 0, work);
        await work;
        const took = Date.now() - start;
        assert.ok(pause < 2000 + took / 3, `alpha's console stood still for ${pause} of ${took} ms`);
      }
      assertNoGap(counted(pty.text, "tick"), "alpha's console");
      pty.type("\rkill $!\r");
      await pty.expect(/alpha:~# kill \$!/);
    });
    for (const name of ["second", "third"]) await world.prompt(name);
    const names = (await world.guests()).map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(names, ["alpha running", "second running", "third running"]);
  },
};

const consoles: Case = {
  name: "console: each guest answers; Ctrl-] leaves; who comes back sees what was",
  limitSeconds: 120,
  async run(world) {
    await besides(world);
    for (const name of ["alpha", "second", "third"]) {
      await world.atConsole(name, async (pty) => {
        await pty.expect(`${name}:~# `);
        pty.type(`echo $(hostname)-$((6*7))\r`);
        await pty.expect(`${name}-42`);
      });
    }
    await world.atConsole("second", async (pty) => void (await pty.expect(/hostname[\s\S]*second-42/)));
    assert.match(await world.box.ok("console third", "echo piped-$((7*8))\n"), /piped-56/);
  },
};

/** Makes second and third if a run with --only left them out. */
async function besides(world: World): Promise<void> {
  const there = await world.box.run("ls -o json");
  const names = there.code === 0 ? (JSON.parse(there.out) as Guest[]).map(({ name }) => name) : [];
  if (["alpha", "second", "third"].every((name) => names.includes(name))) return;
  await world.host();
  await world.create(world.box.file("second.yaml", guestYaml("second")), "second");
  await world.create(world.box.file("third.cfg", guestCfg("third")), "third");
}

const twoClients: Case = {
  name: "console: two people at one console see the same; one that only looks types nothing",
  limitSeconds: 90,
  async run(world) {
    await besides(world);
    const watcher = world.box.terminal("console second --read-only");
    await watcher.expect("read-only; Ctrl-] leaves");
    await world.atConsole("second", async (first) => {
      await world.atConsole("second", async (other) => {
        watcher.type("echo never-$((1+1))\r");
        first.type("echo first-$((1+1))\r");
        for (const pty of [first, other, watcher]) await pty.expect("first-2");
        other.type("echo other-$((1+2))\r");
        for (const pty of [first, other, watcher]) await pty.expect("other-3");
      });
      first.type("echo alone-$((1+3))\r");
      for (const pty of [first, watcher]) await pty.expect("alone-4");
      assert.doesNotMatch(first.text, /never/);
    });
    watcher.type(LEAVE);
    assert.equal(await watcher.exited, 0);
  },
};

const pauseResume: Case = {
  name: "pause stops a guest in the middle of its work, resume lets it go on",
  limitSeconds: 90,
  async run(world) {
    const { box } = world;
    await besides(world);
    await world.atConsole("second", async (pty) => {
      pty.type(counting("beat"));
      const last = (): number => counted(pty.text, "beat").at(-1) ?? 0;
      await pty.expect(/^beat 3\r?$/m);
      await box.ok("pause second");
      assert.equal(await world.state("second"), "paused");
      const still = last();
      // Whoever asks for what is so already gets it.
      await box.ok("pause second");
      // The two commands before took a second and more; five beats would have come.
      assert.ok(last() - still <= 1, `it went on from ${still} to ${last()}`);
      await box.ok("resume second");
      await box.until(
        "it goes on",
        async () => last(),
        (now) => now > still + 3,
      );
      assertNoGap(counted(pty.text, "beat"), "the console over a pause");
      pty.type("\rkill $!\r");
      await pty.expect("kill $!");
    });
    assert.equal(await world.state("second"), "running");
  },
};

const lifeCycle: Case = {
  name: "reset, shutdown, start, destroy",
  limitSeconds: 240,
  async run(world) {
    const { box } = world;
    await besides(world);
    const boots = await world.boots("second");
    await box.ok("reset second");
    await box.until(
      "second boots again",
      () => world.boots("second"),
      (now) => now === boots + 1,
      BOOT_MS,
    );
    await world.prompt("second");
    await box.ok("shutdown second");
    assert.equal(await world.state("second"), "shutdown");
    assert.match(await world.log("second"), /reboot: Power down\s*$/);
    await box.fails("pause second", 4);
    await box.ok("start second");
    await box.until(
      "second starts again",
      () => world.boots("second"),
      (now) => now === boots + 2,
      BOOT_MS,
    );
    await box.fails("start second", 4);
    const free = async (): Promise<number> =>
      (await box.json<{ memoryFreeBytes: number }>("host stats")).memoryFreeBytes;
    const before = await free();
    await box.ok("destroy second third --yes");
    assert.deepEqual(
      (await world.guests()).map(({ name }) => name),
      ["alpha"],
    );
    await box.until("their memory is back", free, (now) => now >= before + 2 * (128 << 20));
    await box.fails("destroy second --yes", 3);
  },
};

const takeOffline = "echo 0 > /sys/devices/system/cpu/cpu1/online; echo off-$((1+1))\r";

const vcpus: Case = {
  name: "vcpu: pin, set, ls",
  limitSeconds: 90,
  async run(world) {
    const { box } = world;
    await world.host();
    await box.ok("vcpu pin alpha all 1");
    const list = await box.json<{ affinity: number[] }[]>("vcpu ls alpha");
    assert.deepEqual(
      list.map(({ affinity }) => affinity),
      [[1], [1]],
    );
    await box.ok("vcpu pin alpha all all");
    assert.match(await box.fails("vcpu set alpha 1", 4), /offline/);
    await world.atConsole("alpha", async (pty) => {
      pty.type(takeOffline);
      await pty.expect("off-2", 30_000);
    });
    await box.ok("vcpu set alpha 1");
    assert.equal((await world.guests())[0]?.vcpus, 1);
    await box.ok("vcpu set alpha 2");
    await world.atConsole("alpha", async (pty) => {
      pty.type("echo 1 > /sys/devices/system/cpu/cpu1/online; echo cpus-$(nproc)\r");
      await pty.expect("cpus-2", 30_000);
    });
    await box.fails("vcpu pin alpha 0 7", 2);
    await box.fails("vcpu pin alpha 5 0", 3);
  },
};

export const guestCases: readonly Case[] = [createBeside, consoles, twoClients, pauseResume, lifeCycle, vcpus];
