// SPDX-License-Identifier: Apache-2.0
// The background process as a process: found, started, killed at any moment, taken over by the next one.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { connectHost, EXIT_SERVED, listHosts, spawnDaemon } from "./connect.ts";
import { type FakeHost, fakeGuest, fakeHost } from "./daemon.testing.ts";
import { lockHolder } from "./lock.ts";

let host: FakeHost;

beforeEach(async () => {
  // Slow enough to be killed in the middle.
  host = await fakeHost("left", { delay: () => 2, window: 9000 });
  process.env["TYPEONE_RUN_DIR"] = host.root;
});

afterEach(async () => {
  const daemon = lockHolder(host.paths.lock);
  if (daemon) process.kill(daemon.pid, "SIGKILL");
  await host.close();
  delete process.env["TYPEONE_RUN_DIR"];
});

it("is started for a host that nobody serves, once", async () => {
  expect(await listHosts()).toMatchObject([{ name: "left", file: "/x.yaml", qemuPid: host.process.pid }]);
  // Two clients at the same time, neither of which says a name.
  const [one, two] = await Promise.all([connectHost(), connectHost()]);
  const [first, second] = [await one.host(), await two.host()];
  expect(first.daemonPid).toBe(second.daemonPid);
  expect(first.daemonPid).not.toBe(process.pid);
  const third = spawnDaemon(host.paths);
  await vi.waitFor(() => expect(third.exitCode()).toBe(EXIT_SERVED), 20_000);
  await one.stop({ keepHost: true });
  expect(host.process.exitCode).toBeNull();
}, 60_000);

it("loses nothing when it is killed at any step of a create, and the next one takes over", async () => {
  const { guests } = host.hypervisor;
  const guest = await fakeGuest(host.root, "fresh", 150_000);
  const outcomes: string[] = [];
  for (const step of ["BlobOpen", "BlobWrite", "late BlobWrite", "Create", "after"]) {
    const client = await connectHost("left");
    const { daemonPid } = await client.host();
    const from = host.hypervisor.done.length;
    const count = step.startsWith("late") ? 25 : 1;
    const name = step.replace("late ", "");
    const creating = client.createGuest(guest).then(
      () => "created",
      (error: { code: string }) => error.code,
    );
    const reached = () =>
      host.hypervisor.done.slice(from).filter(({ operation }) => operation === name).length >= count;
    if (step === "after") await creating;
    else while (!reached()) await sleep(1);
    process.kill(daemonPid, "SIGKILL");
    outcomes.push(await creating);
    const next = await connectHost("left");
    await next.host();
    const [made, ...more] = await next.guests();
    expect(more).toEqual([]);
    // Whole or not there; and no blob that nobody holds.
    expect([...guests.blobs.values()].every(({ state }) => state === 2)).toBe(true);
    expect(guests.blobs.size).toBe(made ? 2 : 0);
    if (made) {
      expect(made.name).toBe("fresh");
      await next.guestAction("fresh", "destroy");
    }
    expect(guests.blobs.size).toBe(0);
  }
  expect(outcomes.slice(0, 3)).toEqual(["unavailable", "unavailable", "unavailable"]);
  expect(outcomes.at(-1)).toBe("created");
}, 120_000);

it("is not started for a host that is gone", async () => {
  host.process.kill("SIGKILL");
  await new Promise((resolve) => host.process.once("exit", resolve));
  const fix = "start one with: typeone run FILE";
  await expect(connectHost()).rejects.toMatchObject({ code: "no-host", message: "no host is running", fix });
  await expect(connectHost("left")).rejects.toMatchObject({ message: "no host named left is running", fix });
  expect(await listHosts()).toEqual([]);
});
