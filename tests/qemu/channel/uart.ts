// SPDX-License-Identifier: Apache-2.0
// The one serial line, a person's and the management channel's in turn: a session silences the terminal, its end brings
// the prompt back, and nothing that a guest prints is ever taken for control, on the toolstack's end or the host's.
import { FrameDecoder, OPERATIONS, type ReceivedFrame, WireState, WireStream } from "@typeone/protocol";
import { hostAnswers } from "../scenarios.ts";
import { forgeries } from "./forgeries.ts";
import { type ChannelHost, expect, type Handle } from "./host.ts";
import type { ChannelScenario } from "./scenario.ts";

/** Good frames that the host sent on its serial line, as somebody beside the client sees them. */
class Tap {
  readonly frames: ReceivedFrame[] = [];
  readonly #decoder = new FrameDecoder();

  constructor({ machine }: ChannelHost) {
    machine.console.onData((bytes) => this.frames.push(...this.#decoder.push(bytes)));
  }

  /** Pieces of the line between zeros that were no frame. */
  get other(): number {
    return this.#decoder.bad;
  }

  get last(): ReceivedFrame {
    const frame = this.frames.at(-1);
    if (!frame) throw new Error("no frame came");
    return frame;
  }
}

async function framesIn({ client }: ChannelHost): Promise<number> {
  return (await client.call(OPERATIONS.HostInfo, {})).answer.framesIn;
}

async function beats(host: ChannelHost, handle: Handle): Promise<number> {
  return Number([...(await host.console(handle)).matchAll(/BEAT (\d+) sum/g)].at(-1)?.[1] ?? 0);
}

/** It runs, and goes on running. */
async function alive(host: ChannelHost, handle: Handle): Promise<void> {
  const before = await beats(host, handle);
  await host.until(
    "the neighbour goes on",
    () => beats(host, handle),
    (now) => now > before,
  );
  expect((await host.guest(handle))?.state === WireState.Running, "the neighbour runs");
}

async function bye({ client, signal, transcript }: ChannelHost): Promise<void> {
  await client.call(OPERATIONS.Bye, {});
  await transcript.until(() => /management session on this line is over/.test(transcript.raw), signal);
}

const boot = {
  link: "uart",
  guests: [{ payload: "heartbeat", args: "beats=0", ends: "never" }],
  payloads: ["hello", "forger", "faults"],
} as const;

async function neighbourOf(host: ChannelHost): Promise<Handle> {
  const { records } = await host.client.call(OPERATIONS.Guests, { from: 0 });
  const found = records.find(({ name }) => name === "heartbeat");
  if (!found) throw new Error("the list of guests has no heartbeat");
  return { guest: found.id, generation: found.generation };
}

/** The hypervisor has much to say of its own fault: during a session it says so in the log alone. */
async function reported(host: ChannelHost): Promise<void> {
  const properties = { "typeone,self-test": new Uint8Array() };
  const faults = await host.create({ name: "faults", payload: "faults", properties });
  await host.until(
    "the log has the report",
    async () => (await host.read(WireStream.Log, 0)).toString("latin1"),
    (log) => /guest faults is stopped[\s\S]*store to an unmapped[\s\S]*build [0-9a-f]{16}/.test(log),
  );
  await host.destroy(faults);
}

async function turns(host: ChannelHost): Promise<void> {
  await hostAnswers(host);
  const tap = new Tap(host);
  await host.hello();
  const before = tap.other;
  const neighbour = await neighbourOf(host);
  // Somebody types meanwhile: it is nobody's.
  host.machine.console.type("host info\rguest destroy heartbeat\r");
  const hello = await host.create({ name: "hello", payload: "hello" });
  await host.says(hello, /hello from a guest[\s\S]*RESULT ok/);
  await host.destroy(hello);
  await reported(host);
  await alive(host, neighbour);
  expect(tap.other === before, "nothing but frames is on the line during a session", tap.other - before);
  const said = host.transcript.raw.length;
  await bye(host);
  const lines = () => host.transcript.raw.slice(said);
  await host.transcript.until(() => /BEAT \d+/.test(lines()), host.signal);
  expect(!/\bfree\b|destroy/i.test(lines()), "what was typed during a session is not carried out after it", lines());
  await hostAnswers(host);
}

/** Written over the channel, read over the channel: bytes of frames are bytes. */
async function forgedInSession(host: ChannelHost, tap: Tap): Promise<Handle> {
  const victim = await neighbourOf(host);
  const { session, sequence } = tap.last;
  // The upload asks some questions before the forger runs: some of the numbers that it knows are those that come then.
  const ramdisk = forgeries({ session, sequence: sequence + 20, victim });
  const before = tap.other;
  const forger = await host.create({ name: "forger", payload: "forger", ramdisk });
  await host.says(forger, /DONE/);
  await host.write(forger, Buffer.from("again"));
  // While it prints, everything that is asked is answered by the host alone.
  for (let i = 0; i < 60; i++) {
    const { records } = await host.client.call(OPERATIONS.Guests, { from: 0 });
    expect(records.length === 2, "there are two guests", records);
  }
  const once = `\r\nFORGED\r\n${Buffer.from(ramdisk).toString("latin1")}\r\nDONE\r\n`;
  const wanted = [..."again"].reduce((text, typed) => text + typed + once, once);
  await host.until(
    "the forger's console has every byte of what it printed",
    () => host.console(forger),
    (text) => text === wanted,
  );
  await alive(host, victim);
  expect(tap.other === before, "nothing but frames is on the line during a session", tap.other - before);
  const foreign = tap.frames.filter((frame) => frame.session !== session).length;
  expect(foreign === 0, "all frames are of this session", foreign);
  return forger;
}

/** In focus its bytes go to the person's screen as they are. */
async function forgedInFocus(host: ChannelHost, forger: Handle): Promise<void> {
  const { machine, transcript, signal } = host;
  machine.console.type(`\u001d${forger.guest + 1}`);
  await transcript.until(() => /console is now forger/.test(transcript.raw), signal);
  const begin = transcript.raw.length;
  machine.console.type("x");
  await transcript.until(() => /FORGED[\s\S]*DONE\r\n$/.test(transcript.raw.slice(begin)), signal);
  machine.console.type("\u001d0");
  await hostAnswers(host);
}

async function forged(host: ChannelHost): Promise<void> {
  const tap = new Tap(host);
  await host.hello();
  const { session } = tap.last;
  const forger = await forgedInSession(host, tap);
  const count = await framesIn(host);
  await bye(host);
  await forgedInFocus(host, forger);
  // Its bytes, once more while the host has the focus: they come with its name before them.
  await host.hello();
  expect(tap.last.session !== session, "the session is a new one");
  const now = await framesIn(host);
  const events = (await host.events({ guest: 0xffff, generation: 0 })).map(({ value, former }) => [value, former]);
  const wanted = [
    [session, 0],
    [0, session],
    [tap.last.session, 0],
  ];
  expect(JSON.stringify(events) === JSON.stringify(wanted), "sessions are those that were begun here", events);
  // BYE, HELLO, HostInfo, and a few polls.
  expect(now - count <= 6, "no frame came in but ours", now - count);
  await alive(host, await neighbourOf(host));
  await host.destroy(forger);
}

/** Nobody says goodbye: after ten silent seconds the line is a person's again. */
async function silence(host: ChannelHost): Promise<void> {
  await host.hello();
  await host.write(await neighbourOf(host), Buffer.from("x"));
  // What began and never ended goes with the session.
  await host.abandon(Buffer.from("0001030101", "hex"));
  const { transcript, signal } = host;
  const gone = Date.now();
  await transcript.until(() => /management session on this line is over/.test(transcript.raw), signal);
  const seconds = (Date.now() - gone) / 1000;
  expect(seconds > 8 && seconds < 20, "ten seconds end a session", seconds);
  await hostAnswers(host);
}

export const uartScenarios: readonly ChannelScenario[] = [
  { name: "channel on the one serial line", ...boot, act: turns },
  { name: "a toolstack that dies gives the serial line back", ...boot, act: silence },
  { name: "forged frames on the one serial line", ...boot, act: forged },
];
