// SPDX-License-Identifier: Apache-2.0
// What becomes of a guest that ends: its description says so, for its own power-off and its own restart; a
// guest that restarts in a loop stays down in the end.
import { program, useTraps, type GuestCode, type Machine } from "@typeone/sim";
import { describe, expect, it } from "vitest";
import { allSaid, domain, machineWith, reboot, shutdown, sleep } from "./support.ts";

const quiet = program({
  *boot(cpu) {
    cpu.guest.log.push("done");
    yield* sleep();
  },
});

/** A guest that ends itself in its first `times` lives and then stays. */
const ends = (times: number, end: () => GuestCode) =>
  program({
    *boot(cpu) {
      yield* useTraps(cpu);
      if (cpu.guest.boots <= times) yield* end();
      cpu.guest.log.push("done");
      yield* sleep();
    },
  });

async function run(
  times: number,
  end: () => GuestCode,
  properties: Record<string, string | number | boolean>,
): Promise<Machine> {
  const machine = await machineWith([domain("one", ends(times, end), { properties }), domain("quiet", quiet)]);
  machine.run(() => false, { maxSteps: 400_000 });
  machine.check();
  expect(allSaid(machine, "done") || machine.guest("one").log.length === 0).toBe(true);
  return machine;
}

describe("the end of a guest", () => {
  it("on-poweroff restart starts it again", async () => {
    const machine = await run(3, shutdown, { "typeone,on-poweroff": "restart" });
    expect(machine.guest("one").boots).toBe(4);
    expect(machine.guest("one").log).toEqual(["done"]);
  });

  it("on-poweroff preserve leaves it off, which is the default", async () => {
    const machine = await run(3, shutdown, {});
    expect(machine.guest("one").boots).toBe(1);
    expect(machine.guest("one").log).toEqual([]);
  });

  it("on-reboot preserve leaves it off", async () => {
    const machine = await run(3, reboot, { "typeone,on-reboot": "preserve" });
    expect(machine.guest("one").boots).toBe(1);
  });

  it("a loop of restarts ends at the limit, and the console says so once", async () => {
    const machine = await run(100, reboot, { "typeone,restart-limit": 5 });
    expect(machine.guest("one").boots).toBe(6);
    expect(machine.console.match(/guest one stays down: it restarted 5 times/g)).toHaveLength(1);
  });

  it("ten quick restarts are the limit without one being asked for", async () => {
    const machine = await run(100, reboot, {});
    expect(machine.guest("one").boots).toBe(11);
  });
});
