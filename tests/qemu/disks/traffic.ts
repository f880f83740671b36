// SPDX-License-Identifier: Apache-2.0
// Two Debian guests on one switch: they reach each other, this machine, and this machine them, and every byte is the one
// that was sent.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { expect } from "../channel/host.ts";
import { find, type Systems } from "./systems.ts";

const MIB = 1 << 20;
/** The workstation as QEMU's user network shows it to guests. */
const WORKSTATION = "10.0.2.2";
export const ALPHA = "10.0.2.15";
export const BETA = "10.0.2.16";
/** The port of alpha that the workstation reaches. */
export const SUMS_PORT = 7000;
const BLOB_PORT = 7001;

const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const firstWord = (text: string): string => text.split(/\s/)[0] ?? "";

async function listening(systems: Systems, port: number, program: string): Promise<void> {
  const serve = `systemd-socket-activate --accept --inetd -l ${port} ${program}`;
  await systems.run("alpha", `(${serve} > /dev/null 2>&1 &); until ss -ltn | grep -q :${port}; do sleep 0.1; done`);
}

async function between(systems: Systems): Promise<void> {
  const ping = await systems.run("beta", `ping -q -c 5 -i 0.2 -s 1400 ${ALPHA}`);
  expect(/5 received, 0% packet loss/.test(ping), "five pings are answered", ping);
  await listening(systems, BLOB_PORT, "/bin/cat /var/tmp/blob");
  const sent = await systems.run("alpha", "head -c 4M /dev/urandom > /var/tmp/blob && sha256sum < /var/tmp/blob");
  const got = await systems.run(
    "beta",
    `cat < /dev/tcp/${ALPHA}/${BLOB_PORT} > /var/tmp/blob; sha256sum < /var/tmp/blob`,
  );
  expect(got === sent, "4 MiB come as they were sent", { sent, got });
}

/** The workstation sends to alpha through the forwarded port, and reads what alpha made of it. */
async function inward(systems: Systems, port: number): Promise<void> {
  await listening(systems, SUMS_PORT, "/usr/bin/sha256sum");
  const bytes = randomBytes(2 * MIB);
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.setTimeout(30_000, () => socket.destroy(new Error("alpha does not answer at the forwarded port")));
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.end(bytes);
  await once(socket, "end");
  socket.destroy();
  expect(firstWord(answer) === sumOf(bytes), "2 MiB through the forwarded port", answer);
}

async function outward(systems: Systems): Promise<void> {
  const received: Buffer[] = [];
  const server = net.createServer((socket) => socket.on("data", (chunk) => received.push(chunk)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as net.AddressInfo;
    const closed = once(server, "connection").then(([socket]) => once(socket as net.Socket, "close"));
    await systems.run("beta", `cat /var/tmp/blob > /dev/tcp/${WORKSTATION}/${port}`);
    await closed;
    const sum = firstWord(await systems.run("beta", "sha256sum < /var/tmp/blob"));
    expect(sumOf(Buffer.concat(received)) === sum, "4 MiB to the workstation");
  } finally {
    server.close();
  }
}

/** `port` of the workstation leads to SUMS_PORT of alpha. */
export async function talks(systems: Systems, port: number): Promise<void> {
  const before = await systems.list("net list");
  await between(systems);
  await inward(systems, port);
  await outward(systems);
  const after = await systems.list("net list");
  for (const guest of ["alpha", "beta"]) {
    const [old, now] = [find(before, { guest }), find(after, { guest })];
    const moved = (key: "sent" | "received" | "dropped"): number => Number(now[key]) - Number(old[key]);
    expect(moved("sent") > 100 && moved("received") > 100, "frames are counted", now);
    expect(moved("dropped") === 0, "no frame is dropped", now);
  }
  const nic = find(await systems.list("host net"), { switch: "lan" });
  expect(Number(nic.sent) > 100 && Number(nic.received) > 100 && nic.dropped === 0, "nor at the uplink", nic);
}
