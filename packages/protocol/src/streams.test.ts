// SPDX-License-Identifier: Apache-2.0
// Streams and blobs over links that misbehave: every byte once, in order, or counted as gone.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { uploadBlob } from "./blob.ts";
import { ChannelClient } from "./client.ts";
import { ChannelError, SessionLost } from "./errors.ts";
import { type Chunk, follow } from "./follow.ts";
import { OPERATIONS, WireStream } from "./generated.ts";
import { FakeHypervisor, type FakeOptions, fakeLink, mischiefOf } from "./testing/index.ts";

const open: ChannelClient[] = [];

async function rig([seed, percent]: readonly [number, number] = [0, 0], fake: FakeOptions = {}, resendMs = 5) {
  const host = new FakeHypervisor(fake);
  const link = fakeLink({ mischief: mischiefOf(seed, percent) });
  host.attach(link.theirs);
  const client = new ChannelClient(link.ours, { resendMs, timeoutMs: 20_000, pollMs: 30 });
  open.push(client);
  await client.hello({ timeoutMs: 20_000 });
  return { host, link, client };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
const weather = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 40 }));

it("follows a console through everything that happens to frames", async () => {
  await fc.assert(
    fc.asyncProperty(
      weather,
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 12 }),
      async (how, sizes) => {
        const { client, host } = await rig(how);
        const guest = host.guests.run("web");
        const sent = sizes.map((size, at) => Buffer.alloc(size, 65 + at));
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const got: Uint8Array[] = [];
        let length = 0;
        let gone = 0;
        const show = (async () => {
          for (const piece of sent) {
            host.guests.show(guest, piece);
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
        })();
        for await (const chunk of follow(client, WireStream.Console, { position: 0 })) {
          got.push(chunk.bytes);
          gone += chunk.skipped;
          length += chunk.bytes.length;
          if (length + gone >= total) break;
        }
        await show;
        expect(length + gone).toBe(total);
        if (gone === 0) expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
        await client.close();
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);

it("says how much was gone before it came", async () => {
  const { client, host } = await rig();
  const guest = host.guests.run("web");
  host.guests.show(guest, bytesOf(10_000));
  const chunks: Chunk[] = [];
  for await (const chunk of follow(client, WireStream.Console, { position: 100, until: "now" })) chunks.push(chunk);
  expect(chunks[0]).toMatchObject({ position: 10_000 - 4096, skipped: 10_000 - 4096 - 100 });
  expect(Buffer.concat(chunks.map(({ bytes }) => bytes))).toEqual(Buffer.from(bytesOf(10_000).subarray(-4096)));
  // From the oldest on, nothing is missing.
  for await (const chunk of follow(client, WireStream.Console, { until: "now" })) {
    expect(chunk.skipped).toBe(0);
    break;
  }
});

it("goes on where it was after a new session, and begins anew when the stream did", async () => {
  const { client, host } = await rig();
  host.guests.say("before ");
  let position = 0;
  let text = "";
  const take = async () => {
    for await (const chunk of follow(client, WireStream.Log, { position, until: "now" })) {
      text += Buffer.from(chunk.bytes).toString();
      position = chunk.next;
      expect(chunk.skipped).toBe(0);
    }
  };
  await take();
  host.session = 77;
  host.guests.say("after");
  await expect(take()).rejects.toBeInstanceOf(SessionLost);
  await client.hello();
  await take();
  expect(text).toBe("before after");
  host.reset();
  await expect(take()).rejects.toBeInstanceOf(SessionLost);
  await client.hello();
  host.guests.say("new");
  await take();
  expect(text).toBe("before afternew");
});

it("counts records where a stream does, and polls one that no notice tells of", async () => {
  const { client, host } = await rig();
  const trace = host.guests.traces[1]!;
  trace.append(bytesOf(32 * 300));
  const abort = new AbortController();
  let count = 0;
  for await (const chunk of follow(client, WireStream.Trace, {
    index: 1,
    unit: 32,
    pollMs: 10,
    signal: abort.signal,
  })) {
    expect(chunk.bytes.length % 32).toBe(0);
    expect(chunk.position).toBe(count);
    count = chunk.next;
    if (count === 300) setTimeout(() => trace.append(bytesOf(32 * 2)), 20);
    if (count === 302) abort.abort();
  }
  expect(count).toBe(302);
});

it("ends with NotFound when the guest is gone", async () => {
  const { client } = await rig();
  const all = async () => {
    for await (const _chunk of follow(client, WireStream.Console, { index: 3 })) return;
  };
  await expect(all()).rejects.toMatchObject({ code: "NotFound" });
});

it("sends blobs whole through everything that happens to frames", async () => {
  await fc.assert(
    fc.asyncProperty(weather, fc.integer({ min: 1, max: 60_000 }), async (how, size) => {
      const { client, host } = await rig(how);
      const bytes = bytesOf(size);
      const steps: number[] = [];
      const blob = await uploadBlob(client, bytes, { onProgress: (done) => steps.push(done) });
      expect(blob).toMatchObject({ size, how: "sent" });
      expect(Buffer.from(host.guests.blobs.get(blob.id)!.bytes).equals(Buffer.from(bytes))).toBe(true);
      expect(steps.at(-1)).toBe(size);
      expect([...steps].sort((a, b) => a - b)).toEqual(steps);
      expect((await uploadBlob(client, bytes)).how).toBe("reused");
      await client.close();
    }),
    { numRuns: 25 },
  );
}, 120_000);

it("has many pieces of a blob under way", async () => {
  const { client, host } = await rig([0, 0], { window: 20_000, delay: () => 2 }, 5000);
  await uploadBlob(client, bytesOf(200_000));
  expect(host.mostUnderWay).toBeGreaterThan(16_000);
  expect(host.mostUnderWay).toBeLessThanOrEqual(20_000);
});

it("sends files, and names the one that is missing, empty or damaged on the way", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-blob-"));
  try {
    const { client, host } = await rig();
    const file = path.join(folder, "Image");
    await writeFile(file, bytesOf(3_000_000));
    const blob = await uploadBlob(client, file);
    expect(Buffer.from(host.guests.blobs.get(blob.id)!.bytes).equals(Buffer.from(bytesOf(3_000_000)))).toBe(true);
    await expect(uploadBlob(client, path.join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    await writeFile(file, "");
    await expect(uploadBlob(client, file)).rejects.toThrow(`${file} is empty`);
    const { writeBlob } = host.guests;
    host.guests.writeBlob = function (blob, position, bytes) {
      writeBlob.call(
        this,
        blob,
        position,
        Uint8Array.from(bytes, (byte) => byte ^ 1),
      );
    };
    await expect(uploadBlob(client, bytesOf(5000))).rejects.toThrow("its checksum is wrong");
    expect(host.guests.blobs.size).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("leaves no blob behind when it is given up, or refused", async () => {
  const { client, host } = await rig([0, 0], { delay: () => 2 });
  const abort = new AbortController();
  const onProgress = (done: number) => done > 20_000 && abort.abort(new Error("enough"));
  const sending = uploadBlob(client, bytesOf(500_000), { signal: abort.signal, onProgress });
  await expect(sending).rejects.toThrow("enough");
  expect(host.guests.blobs.size).toBe(0);
  await expect(uploadBlob(client, new Uint8Array((1 << 26) + 1))).rejects.toBeInstanceOf(ChannelError);
  expect((await client.call(OPERATIONS.Blobs, { from: 0 })).records).toEqual([]);
}, 60_000);
