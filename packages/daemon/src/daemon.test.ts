// SPDX-License-Identifier: Apache-2.0
// The API by its client, against a hypervisor's end that is a script.
import { stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import type { Duplex } from "node:stream";
import { WireState } from "@typeone/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HostClient } from "./client.ts";
import { type FakeHost, fakeGuest, fakeHost } from "./daemon.testing.ts";
import type { HostEvent } from "./api.ts";
import type { TracePiece } from "./trace.ts";

let host: FakeHost;
let client: HostClient;

beforeEach(async () => {
  host = await fakeHost();
  await host.serve();
  client = host.client();
  await client.host();
});

afterEach(async () => {
  await host.close();
});

/** What came out of a stream so far. */
function collect(stream: Duplex): () => string {
  let text = "";
  stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
  stream.on("error", () => undefined);
  return () => text;
}

/** A request as curl would send it. */
function raw(method: string, url: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request({ socketPath: host.paths.api, method, path: url, headers }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => (text += part.toString()));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("the host", () => {
  it("tells what it is, its harts, memory and interrupts", async () => {
    host.hypervisor.guests.run("web");
    await vi.waitFor(async () => expect((await client.harts())[0]?.current).toEqual({ guest: "web", vcpu: 0 }));
    const info = await client.host();
    expect(info).toMatchObject({ name: "default", file: "/x.yaml", harts: 2, guests: 1, release: "0.1.0" });
    expect(info).toMatchObject({
      qemuPid: host.process.pid,
      channel: { state: "ready", resent: expect.any(Number) as number },
    });
    expect((await client.harts()).map((hart) => hart.index)).toEqual([0, 1]);
    expect(await client.memoryMap()).toContainEqual({
      hpa: "0x80200000",
      bytes: 1 << 26,
      owner: "guest",
      guest: "web",
    });
    expect(await client.irqs()).toEqual([{ number: 10, hart: 0, count: 7, owner: "uart" }]);
  });

  it("does what is asked of it", async () => {
    await client.hostAction("reset");
    expect(host.hypervisor.guests.hostAction).toBe(2);
    await client.setTrace(6);
    expect(host.hypervisor.guests.traceMask).toBe(6);
  });

  it("answers what is wrong with a request, and no stack", async () => {
    for (const [method, url, body, status, code] of [
      ["GET", "/v1/nothing", undefined, 404, "not-found"],
      ["GET", "/v1/guests/none", undefined, 404, "not-found"],
      ["POST", "/v1/host/actions", '{"action":"dance"}', 400, "invalid"],
      ["POST", "/v1/host/actions", "{", 400, "invalid"],
      ["POST", "/v1/trace", '{"mask":-1}', 400, "invalid"],
      ["POST", "/v1/guests", JSON.stringify({ guest: { name: "x" } }), 400, "invalid"],
      ["POST", "/v1/guests", JSON.stringify({ pad: "x".repeat(100_000) }), 413, "too-large"],
      ["GET", "/v1/guests/none/memory?gpa=zz&length=1", undefined, 400, "invalid"],
    ] as const) {
      const { status: got, text } = await raw(method, url, body);
      expect([url, got]).toEqual([url, status]);
      const { error } = JSON.parse(text) as { error: { code: string; message: string } };
      expect(error.code).toBe(code);
      expect(text).not.toMatch(/\.ts:|node_modules/);
    }
  });

  it("is found again after the hypervisor began anew, or another client took over", async () => {
    host.hypervisor.guests.run("web");
    host.hypervisor.reset();
    await vi.waitFor(async () => expect(await client.guests()).toEqual([]), 5000);
    host.hypervisor.guests.run("new");
    host.hypervisor.session ^= 3;
    await vi.waitFor(async () => expect((await client.guests()).map(({ name }) => name)).toEqual(["new"]), 5000);
  });

  it("says so when the hypervisor does not answer", async () => {
    host.hypervisor.mute.add("HostInfo");
    await expect(client.host()).rejects.toMatchObject({ code: "timeout" });
  });

  it("can be opened by its owner only", async () => {
    expect((await stat(host.paths.api)).mode & 0o777).toBe(0o600);
    expect((await stat(host.paths.dir)).mode & 0o777).toBe(0o700);
    expect((await stat(host.paths.daemonLog)).mode & 0o777).toBe(0o600);
  });
});

describe("guests", () => {
  it("are listed, and found by name or number", async () => {
    for (const name of ["web", "db", "2"]) host.hypervisor.guests.run(name);
    expect((await client.guests()).map(({ name, id, state }) => [name, id, state])).toEqual([
      ["web", 1, "running"],
      ["db", 2, "running"],
      ["2", 3, "running"],
    ]);
    expect((await client.guest("1")).name).toBe("web");
    expect((await client.guest("2")).id).toBe(3);
    const web = await client.guest("web");
    expect(web).toMatchObject({ onCrash: "preserve", onReboot: "restart", onPoweroff: "destroy", crashed: false });
    expect(web.vcpuList).toHaveLength(2);
    expect(web.vcpuList[0]).toMatchObject({ hsm: "started", affinity: [0, 1], exitsByKind: { wfi: 4 } });
    const none = client.guest("wab");
    await expect(none).rejects.toMatchObject({ code: "not-found", fix: "there are: web, db, 2" });
  });

  it("are created from files, with progress", async () => {
    const guest = await fakeGuest(host.root, "fresh", 3_000_000);
    const seen: string[] = [];
    const made = await client.createGuest(guest, {
      start: false,
      onProgress: (line) => seen.push(line.phase === "upload" ? `${line.file} ${line.done}/${line.total}` : line.phase),
    });
    expect(made).toMatchObject({ name: "fresh", id: 1, state: "created" });
    expect(seen).toContain("Image 3000000/3000000");
    expect(seen.at(-1)).toBe("create");
    await expect(client.createGuest(guest)).rejects.toMatchObject({
      code: "exists",
      message: "there is a guest named fresh already",
    });
    const missing = client.createGuest({ ...guest, name: "other", ramdisk: "/no/such/file" });
    await expect(missing).rejects.toMatchObject({ code: "invalid", message: "/no/such/file: there is no such file" });
  });

  it("are created at the same time from the same files", async () => {
    const guest = await fakeGuest(host.root, "one", 200_000);
    const names = ["one", "two", "three", "four"];
    const made = await Promise.all(names.map((name) => client.createGuest({ ...guest, name })));
    expect(made.map(({ name }) => name)).toEqual(names);
    expect(await client.guests()).toHaveLength(4);
  });

  it("go through their states, each waited for", async () => {
    const { guests } = host.hypervisor;
    guests.add("web", 0);
    expect(await client.guestAction("web", "start")).toMatchObject({ state: "running" });
    expect(await client.guestAction("web", "pause")).toMatchObject({ state: "paused" });
    expect(await client.guestAction("web", "resume")).toMatchObject({ state: "running" });
    expect(await client.guestAction("web", "reset")).toMatchObject({ state: "running", restarts: 1 });
    expect(await client.guestAction("web", "shutdown")).toMatchObject({ state: "shutdown" });
    expect(await client.guestAction("web", "start", { wait: false })).toMatchObject({ name: "web" });
    await expect(client.guestAction("web", "destroy")).resolves.toBeUndefined();
    await expect(client.guestAction("web", "destroy")).rejects.toMatchObject({ code: "not-found" });
  });

  it("refuse what their state forbids, and say how to end one that does not listen", async () => {
    const web = host.hypervisor.guests.run("web");
    const again = client.guestAction("web", "start");
    await expect(again).rejects.toMatchObject({ code: "state", message: "guest web runs already" });
    web.stubborn = true;
    await expect(client.guestAction("web", "shutdown", { timeoutMs: 100 })).rejects.toMatchObject({
      code: "timeout",
      message: "guest web did not power off within 0.1 s",
      fix: "typeone destroy web ends it at once",
    });
  });

  it("change their vCPUs", async () => {
    host.hypervisor.guests.run("web");
    expect((await client.setVcpuCount("web", 3)).vcpus).toBe(3);
    await expect(client.setVcpuCount("web", 9)).rejects.toMatchObject({ code: "limit" });
    const patch = { affinity: [1], priority: 5, weight: 99, paused: true };
    expect(await client.changeVcpu("web", 0, patch)).toMatchObject(patch);
    await expect(client.changeVcpu("web", 0, { affinity: [7] })).rejects.toMatchObject({
      message: "there is no such hart",
    });
    await expect(client.changeVcpu("web", 7, { weight: 1 })).rejects.toMatchObject({ code: "not-found" });
    expect((await client.registers("web", 0))[0]).toEqual({ name: "pc", value: "0xffffffff80000000" });
    await client.changeVcpu("web", 0, { paused: false });
    await expect(client.registers("web", 0)).rejects.toMatchObject({ code: "busy" });
  });

  it("can be looked into", async () => {
    host.hypervisor.guests.run("web");
    const bytes = await client.readMemory("web", 0x8000_0010n, 10_000);
    expect(bytes.length).toBe(10_000);
    expect(bytes[5000]).toBe((0x10 + 5000) & 0xff);
    await expect(client.readMemory("web", 0n, 4)).rejects.toMatchObject({ code: "invalid" });
  });

  it("leave crash records that stay when they are gone", async () => {
    const { guests } = host.hypervisor;
    const web = guests.run("web");
    guests.crash(web);
    await vi.waitFor(async () => expect(await client.crashes()).toHaveLength(1), 5000);
    await client.guestAction("web", "destroy");
    const record = await client.crash("web");
    expect(record).toMatchObject({ guest: "web", cause: "a store to no device", pc: "0xffffffff80001000", vcpu: 1 });
    expect(record.registers[1]).toEqual({ name: "ra", value: "0xffffffff80000008" });
    expect(record.trail[0]?.name).toBe("mmio-store");
    await expect(client.crash("db")).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("streams", () => {
  it("show consoles to several clients, with what came before", async () => {
    const { guests } = host.hypervisor;
    const web = guests.run("web");
    guests.show(web, "hello\n");
    await vi.waitFor(async () => expect((await client.guest("web")).consoleOut).toBe(6));
    const log = async () => {
      let text = "";
      for await (const part of client.consoleLog("web")) text += Buffer.from(part).toString();
      return text;
    };
    await vi.waitFor(async () => expect(await log()).toBe("hello\n"), 5000);
    const [one, two, now] = [
      await client.console("web"),
      await client.console("web", { readonly: true, from: "start" }),
      await client.console("web", { from: "now" }),
    ];
    const [first, second, third] = [collect(one), collect(two), collect(now)];
    one.write("typed by one");
    two.write("never typed");
    await vi.waitFor(() => expect(first()).toBe("hello\ntyped by one"));
    await vi.waitFor(() => expect(second()).toBe("hello\ntyped by one"));
    await vi.waitFor(() => expect(third()).toBe("typed by one"));
    expect(Buffer.from(web.typed).toString()).toBe("typed by one");
    const ended = new Promise((resolve) => one.once("close", resolve));
    await client.guestAction("web", "destroy");
    await ended;
    expect(await log()).toBe("hello\ntyped by one");
    await expect(client.console("web")).rejects.toMatchObject({ code: "not-found" });
    two.destroy();
    now.destroy();
  });

  it("type fast and much as slowly as the guest takes it, losing nothing", async () => {
    const web = host.hypervisor.guests.run("web");
    web.room = 50;
    const console = await client.console("web", { from: "now" });
    const text = Array.from({ length: 3000 }, (_, at) => `line ${at}\n`).join("");
    console.write(text);
    console.resume();
    await vi.waitFor(() => expect(web.typed.length).toBe(text.length), 20_000);
    expect(Buffer.from(web.typed).toString()).toBe(text);
    console.destroy();
  });

  it("keep every byte of a console in order, however many", async () => {
    const { guests } = host.hypervisor;
    const web = guests.run("web");
    let sent = "";
    for (let at = 0; at < 200; at++) {
      const line = `${at} ${"x".repeat(at)}\n`;
      sent += line;
      guests.show(web, line);
      if (at % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await vi.waitFor(async () => {
      let kept = "";
      for await (const part of client.consoleLog("web")) kept += Buffer.from(part).toString();
      expect(kept).toBe(sent);
    }, 5000);
  });

  it("follow the log and the events", async () => {
    const { guests } = host.hypervisor;
    const abort = new AbortController();
    let log = "";
    const events: HostEvent[] = [];
    const done = Promise.all([
      (async () => {
        for await (const part of client.log({ follow: true, signal: abort.signal }))
          log += Buffer.from(part).toString();
      })(),
      (async () => {
        for await (const event of client.events({ follow: true, signal: abort.signal })) events.push(event);
      })(),
    ]);
    guests.say("one line\n");
    guests.run("web");
    await client.guestAction("web", "pause");
    await vi.waitFor(() => expect(log).toBe("one line\n"));
    await vi.waitFor(() => expect(events.length).toBe(3));
    expect(events[0]).toMatchObject({ kind: "created", guest: "web", id: 1 });
    expect(events[2]).toMatchObject({ kind: "state", state: "paused", former: "running" });
    abort.abort();
    await done;
    const kept: HostEvent[] = [];
    for await (const event of client.events()) kept.push(event);
    expect(kept).toEqual(events);
  });

  it("bring the trace of all harts", async () => {
    host.hypervisor.guests.traces.forEach((trace, hart) => trace.append(Buffer.alloc(32 * 200, hart + 1)));
    const pieces: TracePiece[] = [];
    let harts = 0;
    for await (const piece of client.trace({ onHeader: (header) => (harts = header.harts) })) pieces.push(piece);
    expect(harts).toBe(2);
    for (const hart of [0, 1]) {
      const bytes = Buffer.concat(pieces.filter((piece) => piece.hart === hart).map((piece) => piece.bytes));
      expect(bytes.equals(Buffer.alloc(32 * 200, hart + 1))).toBe(true);
    }
  });

  it("show the serial line, what came before included, and type at it", async () => {
    host.show("boot\n");
    const line = await client.uart();
    const shown = collect(line);
    await vi.waitFor(() => expect(shown()).toBe("boot\n"));
    host.show("more\n");
    await vi.waitFor(() => expect(shown()).toBe("boot\nmore\n"));
    line.write("help\r");
    await vi.waitFor(() => expect(Buffer.concat(host.typed).toString()).toBe("help\r"));
    line.destroy();
  });
});

describe("the end", () => {
  it("takes the host along, and says how it ended", async () => {
    const gone = new Promise((resolve) => host.process.once("exit", resolve));
    await client.stop();
    await gone;
    await vi.waitFor(() => expect(client.host()).rejects.toMatchObject({ code: "no-host" }), 3000);
    await expect(stat(host.paths.state)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("leaves the host when that is asked for", async () => {
    await client.stop({ keepHost: true });
    await vi.waitFor(async () => expect(await stat(host.paths.api).catch(() => "gone")).toBe("gone"));
    expect(host.process.exitCode).toBeNull();
    await host.serve();
    host.hypervisor.guests.run("web");
    expect(await client.guests()).toHaveLength(1);
  });

  it("comes when the machine ends, to everybody", async () => {
    host.hypervisor.guests.run("web");
    const console = await client.console("web");
    console.resume();
    const closed = new Promise((resolve) => console.once("close", resolve));
    host.process.kill("SIGKILL");
    await closed;
    await vi.waitFor(async () => expect(await stat(host.paths.ended)).toBeDefined());
    await expect(client.host()).rejects.toMatchObject({ name: "ApiError" });
  });

  it("keeps consoles whole over a new daemon", async () => {
    const { guests } = host.hypervisor;
    const web = guests.run("web");
    expect(web.state).toBe(WireState.Running);
    guests.show(web, "before\n");
    const log = async () => {
      let text = "";
      for await (const part of client.consoleLog("web")) text += Buffer.from(part).toString();
      return text;
    };
    await vi.waitFor(async () => expect(await log()).toBe("before\n"));
    await client.stop({ keepHost: true });
    guests.show(web, "between\n");
    await vi.waitFor(async () => expect(await stat(host.paths.api).catch(() => "gone")).toBe("gone"));
    await host.serve();
    guests.show(web, "after\n");
    await vi.waitFor(async () => expect(await log()).toBe("before\nbetween\nafter\n"), 5000);
    await writeFile(path.join(host.root, "done"), "");
  });
});
