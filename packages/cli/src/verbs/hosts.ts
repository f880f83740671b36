// SPDX-License-Identifier: Apache-2.0
// The verbs about hosts as such: which run, ending one, and the background process behind one.
import type { HostEntry } from "../host-client.ts";
import { printJson, printLine, printRows, remark } from "../output/print.ts";
import type { Column } from "../output/table.ts";
import { defineVerb } from "../verb.ts";

const COLUMNS: readonly Column<HostEntry>[] = [
  { title: "HOST", cell: (host) => host.name },
  { title: "QEMU", align: "right", cell: (host) => String(host.qemuPid) },
  { title: "STARTED", cell: (host) => host.startedAt },
  { title: "FROM", cell: (host) => host.file },
];

export const hosts = defineVerb({
  args: { names: { type: "boolean", alias: "q", description: "only the names" } },
  examples: [["hosts", "hosts of this user that run"]],
  async run({ names }, context) {
    const running = await context.hosts.list();
    if (!names) printRows(context, running, { columns: COLUMNS, none: "no hosts; typeone run FILE starts one" });
    else for (const { name } of running) printLine(context, name);
  },
});

export const stop = defineVerb({
  args: {
    name: { type: "positional", required: false, description: "which host (default: the one that runs)" },
    "keep-host": { type: "boolean", description: "end only the background process; the next verb starts another" },
    yes: { type: "boolean", alias: ["y", "f"], description: "do not ask" },
  },
  completes: { name: "host" },
  about: "Guests are not asked to shut down first; typeone shutdown --all does that. Asks on a terminal if guests run.",
  examples: [
    ["stop", "the host that runs"],
    ["stop lab --yes", "without a question"],
  ],
  async run({ name, "keep-host": keepHost, yes }, context) {
    const client = name === undefined ? await context.connect() : await context.hosts.connect(name);
    const person = !yes && !keepHost && context.stdin.isTTY && context.stderr.isTTY;
    if (person) {
      const running = (await client.guests()).filter(({ state }) => state === "running").map((guest) => guest.name);
      const question = `End host ${client.name} while ${running.join(", ")} ${running.length === 1 ? "runs" : "run"}?`;
      if (running.length > 0 && !(await context.ask(question))) {
        remark(context, "nothing was done");
        return 1;
      }
    }
    await client.stop({ keepHost: keepHost === true });
    if (context.format === "json") printJson(context, { host: client.name, ended: keepHost ? "daemon" : "host" });
    else remark(context, `host ${client.name}: ${keepHost ? "its background process has ended, it goes on" : "ended"}`);
    return undefined;
  },
});

export const daemon = defineVerb({
  args: { name: { type: "positional", required: false, description: "which host" } },
  completes: { name: "host" },
  about: "Every verb starts the background process of its host when it is gone; this does nothing else.",
  examples: [["daemon", "makes sure that the host is served"]],
  async run({ name }, context) {
    const client = name === undefined ? await context.connect() : await context.hosts.connect(name);
    const { daemonPid, channel } = await client.host();
    if (context.format === "json") printJson(context, { host: client.name, daemonPid, channel: channel.state });
    else printLine(context, `host ${client.name} is served by process ${daemonPid}, channel ${channel.state}`);
  },
});
