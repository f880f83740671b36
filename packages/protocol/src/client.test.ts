// SPDX-License-Identifier: Apache-2.0
// The client against a hypervisor's end that is a script, over links that lose, repeat, delay, damage and cut frames.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ByteStream, ChannelClient, type ClientOptions } from "./client.ts";
import { ChannelError, ChannelTimeout, LinkLost, SessionLost } from "./errors.ts";
import { encodeFrame } from "./frame.ts";
import { type Notice, OPERATIONS, WIRE_KIND_ANSWER, WIRE_KIND_REQUEST, WireAction, WireState } from "./generated.ts";
import { FakeHypervisor, type FakeOptions, fakeLink, type LinkOptions, mischiefOf } from "./testing/index.ts";
import { getGuest, listGuests, waitForGuest } from "./watch.ts";

const FAST: ClientOptions = { resendMs: 20, timeoutMs: 5000, pollMs: 50 };
const open: ChannelClient[] = [];

interface Rig {
  readonly client: ChannelClient;
  readonly host: FakeHypervisor;
  readonly link: ReturnType<typeof fakeLink>;
}

function rig(options: { link?: LinkOptions; fake?: FakeOptions; client?: ClientOptions } = {}): Rig {
  const host = new FakeHypervisor(options.fake);
  const link = fakeLink(options.link);
  host.attach(link.theirs);
  const client = new ChannelClient(link.ours, { ...FAST, ...options.client });
  open.push(client);
  return { client, host, link };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

describe("over a good link", () => {
  let { client, host, link }: Rig = rig();

  beforeEach(async () => {
    ({ client, host, link } = rig());
    await client.hello();
  });

  it("says hello with a session of its own, never 0", async () => {
    expect(client.host).toMatchObject({ release: "0.1.0", window: 16384, hartCount: 2 });
    const first = host.session;
    expect(first).not.toBe(0);
    await client.hello();
    expect(host.session).not.toBe(first);
  });

  it("asks and decodes structs, records and bytes", async () => {
    const { answer } = await client.call(OPERATIONS.HostInfo, {});
    expect(answer).toMatchObject({ harts: 2, interrupts: "plic" });
    const { records } = await client.call(OPERATIONS.Harts, { from: 0 });
    expect(records.map(({ index }) => index)).toEqual([0, 1]);
    host.guests.run("web");
    const read = { guest: 0, generation: 0, gpa: 0x8000_0000n, length: 16 };
    const { bytes } = await client.call(OPERATIONS.MemoryRead, read);
    expect([...bytes]).toEqual(Array.from({ length: 16 }, (_, at) => at));
  });

  it("names what the hypervisor refuses, in its words when it has some", async () => {
    const gone = client.call(OPERATIONS.Vcpus, { guest: 5, generation: 0, from: 0 });
    await expect(gone).rejects.toMatchObject({ name: "ChannelError", code: "NotFound", operation: "Vcpus", words: "" });
    host.guests.run("web");
    const twice = client.call(OPERATIONS.GuestAction, { guest: 0, generation: 0, action: WireAction.Start });
    await expect(twice).rejects.toThrow("guest web runs already");
    await expect(twice).rejects.toBeInstanceOf(ChannelError);
  });

  it("refuses what does not fit into a frame before it is sent", async () => {
    const request = { guest: 0, generation: 0, position: 0 };
    const long = client.call(OPERATIONS.Write, request, { tail: new Uint8Array(4096) });
    await expect(long).rejects.toBeInstanceOf(RangeError);
    const bare = client.call(OPERATIONS.Guests, { from: 0 }, { tail: new Uint8Array(1) });
    await expect(bare).rejects.toBeInstanceOf(RangeError);
  });

  it("lists guests across answers and waits for states by events", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) host.guests.run(name);
    const guests = await listGuests(client);
    expect(guests.map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
    const guest = guests[2]!;
    expect(await getGuest(client, { ...guest, generation: 999 })).toBeUndefined();
    await client.call(OPERATIONS.GuestAction, { guest: 2, generation: 0, action: WireAction.Pause });
    const paused = await waitForGuest(client, guest, (now) => now?.state === WireState.Paused, { timeoutMs: 2000 });
    expect(paused?.name).toBe("c");
    const never = waitForGuest(client, guest, () => false, { timeoutMs: 50, what: "a wonder" });
    await expect(never).rejects.toThrow("a wonder");
  });

  it("hears notices, and asks for those that were lost", async () => {
    const notices: Notice[] = [];
    client.onNotice((notice) => notices.push(notice));
    host.guests.say("one");
    await vi.waitFor(() => expect(notices.at(-1)?.log).toBe(3));
    // The second one is not told, since nobody read: the next Poll brings it.
    host.guests.say("two");
    await vi.waitFor(() => expect(notices.at(-1)?.log).toBe(6));
  });

  it("drops answers of other sessions, versions and operations, and such that nobody asked for", async () => {
    host.mute.add("HostInfo");
    const asked = client.call(OPERATIONS.HostInfo, {}, { timeoutMs: 150 });
    const body = new Uint8Array(300);
    const base = { kind: WIRE_KIND_ANSWER, session: host.session, operation: OPERATIONS.HostInfo.number, body };
    for (let sequence = 0; sequence < 20; sequence++) {
      link.theirs.write(encodeFrame({ ...base, sequence, session: host.session ^ 1 }));
      link.theirs.write(encodeFrame({ ...base, sequence, version: 2 }));
      link.theirs.write(encodeFrame({ ...base, sequence, kind: WIRE_KIND_REQUEST }));
      link.theirs.write(encodeFrame({ ...base, sequence, operation: OPERATIONS.Harts.number }));
    }
    await expect(asked).rejects.toBeInstanceOf(ChannelTimeout);
  });

  it("does not take an answer that is cut off for a good one", async () => {
    host.mute.add("HostInfo");
    const asked = client.call(OPERATIONS.HostInfo, {});
    for (let sequence = 0; sequence < 20; sequence++) {
      const operation = OPERATIONS.HostInfo.number;
      const frame = { kind: WIRE_KIND_ANSWER, session: host.session, sequence, operation, body: new Uint8Array(20) };
      link.theirs.write(encodeFrame(frame));
    }
    await expect(asked).rejects.toMatchObject({ code: "Malformed" });
  });

  it("gives up what is aborted and what takes too long, and goes on", async () => {
    host.mute.add("Harts");
    const abort = new AbortController();
    const asked = client.call(OPERATIONS.Harts, { from: 0 }, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const slow = client.call(OPERATIONS.Harts, { from: 0 }, { timeoutMs: 60 });
    await expect(slow).rejects.toThrow("the hypervisor did not answer Harts within 0.1 s");
    await expect(client.call(OPERATIONS.Harts, { from: 0 }, { signal: abort.signal })).rejects.toThrow("enough");
    host.mute.clear();
    expect((await client.call(OPERATIONS.Harts, { from: 0 })).records.length).toBe(2);
  });

  it("rejects everything when another client takes over, and can begin anew", async () => {
    const ends: Error[] = [];
    client.onEnd((why) => ends.push(why));
    host.session ^= 5;
    await expect(client.call(OPERATIONS.HostInfo, {})).rejects.toBeInstanceOf(SessionLost);
    await expect(client.call(OPERATIONS.HostInfo, {})).rejects.toBeInstanceOf(SessionLost);
    expect(ends).toHaveLength(1);
    await client.hello();
    expect((await client.call(OPERATIONS.HostInfo, {})).answer.harts).toBe(2);
  });

  it("rejects everything when the link closes, for good", async () => {
    host.mute.add("HostInfo");
    const ends: Error[] = [];
    client.onEnd((why) => ends.push(why));
    const asked = [client.call(OPERATIONS.HostInfo, {}), client.call(OPERATIONS.HostInfo, {})];
    link.theirs.destroy();
    for (const each of asked) await expect(each).rejects.toBeInstanceOf(LinkLost);
    await expect(client.call(OPERATIONS.Poll, {})).rejects.toBeInstanceOf(LinkLost);
    await expect(client.hello()).rejects.toBeInstanceOf(LinkLost);
    expect(ends).toHaveLength(1);
  });
});

it("refuses to work without hello, and with a hypervisor of another version", async () => {
  const { client } = rig();
  await expect(client.call(OPERATIONS.Poll, {})).rejects.toThrow("call hello() first");
  const stream: ByteStream & { deliver?: (bytes: Uint8Array) => void } = {
    write: () => undefined,
    on: (event: string, listener: never) => {
      if (event === "data") stream.deliver = listener;
    },
  };
  const other = new ChannelClient(stream, FAST);
  const greeting = other.hello({ timeoutMs: 40 });
  await expect(greeting).rejects.toBeInstanceOf(ChannelTimeout);
});

it("keeps within the window, whatever is asked at once", async () => {
  const { client, host } = rig({ fake: { window: 6000, delay: () => 3 }, client: { resendMs: 5000 } });
  await client.hello();
  host.guests.run("web");
  const tail = new Uint8Array(1500).fill(65);
  const asked = Array.from({ length: 25 }, () =>
    client.call(OPERATIONS.Write, { guest: 0, generation: 0, position: 0 }, { tail }),
  );
  await Promise.all(asked);
  expect(host.mostUnderWay).toBeLessThanOrEqual(6000);
  expect(host.mostUnderWay).toBeGreaterThan(3000);
  // What is larger than the window goes alone.
  const small = rig({ fake: { window: 100, delay: () => 2 }, client: { resendMs: 5000 } });
  await small.client.hello();
  await Promise.all(Array.from({ length: 5 }, () => small.client.call(OPERATIONS.Harts, { from: 0 })));
  expect(small.client.counters.resent).toBe(0);
});

it("changes one thing at a time, in order, while questions go on", async () => {
  const { client, host } = rig({
    fake: { delay: (frame) => (frame.operation === OPERATIONS.VcpuAction.number ? 20 : 0) },
  });
  await client.hello();
  host.guests.run("web");
  const order: string[] = [];
  const weigh = (value: bigint) =>
    client
      .call(OPERATIONS.VcpuAction, { guest: 0, generation: 0, vcpu: 0, action: 5, value })
      .then(() => order.push(`weight ${value}`));
  const ask = client.call(OPERATIONS.Harts, { from: 0 }).then(() => order.push("harts"));
  await Promise.all([weigh(1n), weigh(2n), weigh(3n), ask]);
  expect(order).toEqual(["harts", "weight 1", "weight 2", "weight 3"]);
  expect(host.guests.guests.get(0)?.weight).toBe(3);
});

it("does each change once and gets every answer, on links that do what they like", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.nat(), fc.integer({ min: 0, max: 50 })),
      fc.array(fc.constantFrom("count", "ask", "act"), { minLength: 1, maxLength: 12 }),
      async ([seed, percent], jobs) => {
        const link = { mischief: mischiefOf(seed, percent) };
        const { client, host } = rig({ link, client: { resendMs: 4, timeoutMs: 20_000 } });
        await client.hello({ timeoutMs: 20_000 });
        host.guests.run("web");
        const changes = jobs.filter((job) => job !== "ask").length;
        const handle = { guest: 0, generation: 0 };
        await Promise.all(
          jobs.map((job, at) => {
            if (job === "ask") return client.call(OPERATIONS.Guests, { from: 0 });
            if (job === "count") return client.call(OPERATIONS.VcpuCount, { ...handle, count: 1 + (at % 4) });
            return client.call(OPERATIONS.VcpuAction, { ...handle, vcpu: 0, action: 4, value: 1n });
          }),
        );
        const done = host.done.filter(({ operation }) => operation.startsWith("Vcpu"));
        expect(done.length).toBe(changes);
        expect(new Set(done.map(({ sequence }) => sequence)).size).toBe(changes);
        await client.close();
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);
