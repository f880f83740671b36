#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Stands in for QEMU in unit tests (TYPEONE_QEMU): answers QMP on the socket of its arguments and plays a small TypeOne
// on its standard input and output, with the guests alpha and beta. FAKE_QEMU tells how it misbehaves:
//   refuse      ends at once with a message          silent    never prints anything
//   half        only alpha comes up                  deaf      guests come up and answer nothing
//   echo-only   guests echo what is typed, no more   die       ends after the first guest came up
import { rmSync } from "node:fs";
import { createServer } from "node:net";

const mode = process.env.FAKE_QEMU ?? "good";
const names = ["alpha", "beta"];
const say = (text) => process.stdout.write(text.replaceAll("\n", "\r\n"));

if (process.argv.includes("--version")) {
  process.stdout.write("QEMU emulator version 10.0.2 (fake)\n");
  process.exit(0);
}
if (mode === "refuse") {
  process.stderr.write("qemu-system-riscv64: -cpu: no such processor\n");
  process.exit(1);
}
const socket = /unix:([^,]+)/.exec(process.argv[process.argv.indexOf("-qmp") + 1] ?? "")?.[1];
if (socket) {
  rmSync(socket, { force: true });
  createServer((client) => {
    client.write('{"QMP": {"version": {}}}\r\n');
    client.on("error", () => client.destroy());
    client.on("data", (bytes) => {
      for (const line of bytes
        .toString()
        .split("\n")
        .filter((text) => text.trim())) {
        const { execute, arguments: args } = JSON.parse(line);
        if (execute === "quit") process.exit(0);
        if (mode === "die") setTimeout(() => process.exit(3), 100);
        client.write('{"event": "RESUME", "timestamp": {}}\r\n');
        if (execute === "bad") client.write('{"error": {"class": "CommandNotFound", "desc": "no such command"}}\r\n');
        else
          client.write(
            `${JSON.stringify({ return: args?.["command-line"] ? `ran ${args["command-line"]}` : {} })}\r\n`,
          );
      }
    });
  }).listen(socket);
}

let focus = 0;
let line = "";
let prefixed = false;

function answer(text) {
  if (focus === 0) {
    const name = /^guest stats (\S+) -j$/.exec(text)?.[1];
    if (name)
      say(
        `{"guest":"${name}","state":"running","vcpus":2,"memoryKiB":262144,"later":1,"exits":{"wfi":3,"mmio-load":1200}}\n`,
      );
    if (text === "guest list") say("1 alpha running\n2 beta stuck-in-the-mud\n");
    say("typeone> ");
    return;
  }
  const name = names[focus - 1];
  if (mode === "echo-only") return;
  if (text.startsWith("echo $((6*7))")) say(`42-${name}\n`);
  if (text.startsWith("dmesg")) say("[    1.234567] typeone: userland\n");
  say(`${name}:~# \u001b[6n`);
}

process.stdin.on("data", (bytes) => {
  for (const byte of bytes) {
    if (prefixed) {
      prefixed = false;
      focus = byte - 48;
      say(`\ntypeone: console is now ${focus === 0 ? "the host" : names[focus - 1]}\n`);
    } else if (byte === 0x1d) prefixed = true;
    else if (mode === "deaf" && focus > 0) continue;
    else if (byte === 13) {
      say("\n");
      answer(line);
      line = "";
    } else if (byte >= 32) {
      line += String.fromCharCode(byte);
      say(String.fromCharCode(byte));
    }
  }
});

if (mode !== "silent") {
  say("typeone: TypeOne (fake) on hart 0\ntypeone> ");
  setTimeout(() => say("\r\u001b[K[alpha] TYPEONE-GUEST-UP alpha\ntypeone> "), 20);
  if (mode === "half") setTimeout(() => say("\r\u001b[K[beta] Kernel panic - not syncing: no init\ntypeone> "), 25);
  else if (mode !== "die") setTimeout(() => say("\r\u001b[K[beta] TYPEONE-GUEST-UP beta\ntypeone> "), 30);
}
setInterval(() => undefined, 1000);
