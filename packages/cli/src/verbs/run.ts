// SPDX-License-Identifier: Apache-2.0
// `typeone run FILE`: starts a host from a configuration. In the foreground its terminal is this terminal, and the host
// ends with it; with --detach it goes on by itself.
import { existsSync } from "node:fs";
import path from "node:path";
import { wholeNumber } from "../args.ts";
import type { Context } from "../context.ts";
import { notFound, usageError } from "../errors.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { HostClient, StartOptions } from "../host-client.ts";
import { ESCAPE_KEY } from "../demo/keys.ts";
import { printJson, remark } from "../output/print.ts";
import { readSystem, systemFile } from "../system-file.ts";
import { defineVerb } from "../verb.ts";
import { type KeyMeaning, converse } from "./console.ts";

type System = StartOptions["system"];

/** Ctrl-] q ends the host, Ctrl-] d leaves it running; the other Ctrl-] keys are the hypervisor's own. */
export function hostKeys(): KeyMeaning<"quit" | "detach"> {
  let pending = false;
  return (typed) => {
    const out: number[] = [];
    for (const byte of typed) {
      if (!pending && byte === ESCAPE_KEY) {
        pending = true;
        continue;
      }
      const key = pending ? String.fromCharCode(byte).toLowerCase() : "";
      if (key === "q") return { send: Buffer.from(out), leave: "quit" };
      if (key === "d") return { send: Buffer.from(out), leave: "detach" };
      if (pending) out.push(ESCAPE_KEY);
      pending = false;
      out.push(byte);
    }
    return { send: Buffer.from(out) };
  };
}

async function foreground(context: Context, client: HostClient): Promise<ExitCode> {
  const { style } = { style: context.errorStyle };
  const key = (name: string) => style.bold(`Ctrl-] ${name}`);
  if (context.stdin.isTTY)
    remark(
      context,
      `${key("q")} end the host · ${key("d")} leave it running · ${key("1")}…${key("9")} guests · ${key("0")} host · ${key("?")} more`,
    );
  const stream = await client.uart();
  const end = await converse(context, stream, hostKeys());
  if (end === "detach") {
    remark(context, `host ${client.name} goes on; typeone stop ends it`);
    return EXIT.ok;
  }
  if (typeof end === "object") remark(context, `host ${client.name} has ended${end.ended ? `: ${end.ended}` : ""}`);
  await client.stop().catch(() => undefined);
  if (end === "signal") return EXIT.interrupted;
  if (end === "quit") remark(context, `host ${client.name}: ended`);
  return EXIT.ok;
}

interface Overrides {
  readonly harts?: string | undefined;
  readonly memory?: string | undefined;
  readonly aia?: string | undefined;
  readonly cpu?: string | undefined;
  readonly sstc?: string | undefined;
}

/** The system with the host's settings that the command line changes. */
async function withOverrides(system: System, given: Overrides): Promise<System> {
  const { parseSize } = await import("@typeone/config");
  const memory =
    given.memory === undefined
      ? undefined
      : parseSize(/^\d+$/.test(given.memory) ? Number(given.memory) : given.memory);
  if (typeof memory === "object") throw usageError(`--memory: ${memory.wrong}`, memory.fix);
  const harts = given.harts === undefined ? system.host.harts : wholeNumber("--harts", given.harts, [1, 16]);
  const beyond = system.guests.find((guest) => guest.affinity?.some((hart) => hart >= harts));
  if (beyond) throw usageError(`guest ${beyond.name} wants harts that --harts ${harts} leaves out`);
  const host = {
    ...system.host,
    harts,
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(given.aia === undefined ? {} : { aia: given.aia as System["host"]["aia"] }),
    ...(given.cpu === undefined ? {} : { cpu: given.cpu as System["host"]["cpu"] }),
    ...(given.sstc === undefined ? {} : { sstc: given.sstc === "on" }),
  };
  return { ...system, host };
}

export default defineVerb({
  args: {
    file: {
      type: "positional",
      required: false,
      description: "configuration (default: typeone.config.ts, .yaml, .json or .toml here)",
    },
    detach: { type: "boolean", alias: "d", description: "return when it runs; it goes on by itself" },
    name: { type: "string", alias: "n", valueHint: "NAME", description: "what the host is called (default: default)" },
    harts: { type: "string", valueHint: "N", description: "harts, instead of what the file says" },
    memory: {
      type: "string",
      alias: "m",
      valueHint: "SIZE",
      description: "RAM, like 2GiB, instead of what the file says",
    },
    aia: {
      type: "enum",
      options: ["none", "aplic", "aplic-imsic"],
      valueHint: "MODE",
      description: "interrupt controller: none (PLIC), aplic, aplic-imsic",
    },
    cpu: {
      type: "enum",
      options: ["rv64", "max", "rva23s64"],
      valueHint: "MODEL",
      description: "rv64, max or rva23s64",
    },
    sstc: { type: "enum", options: ["on", "off"], valueHint: "on|off", description: "Sstc timers" },
    hypervisor: {
      type: "string",
      valueHint: "FILE",
      description: "an ELF or flat Image instead of the one built here",
    },
  },
  completes: { file: "file", hypervisor: "file" },
  // The host is ended with us; a second Ctrl-C does not wait for that.
  graceMs: 30_000,
  about:
    "In the foreground this terminal is the host's, and closing it ends the host. Ctrl-] q ends the host, Ctrl-] d leaves it running.",
  examples: [
    ["run typeone.config.ts", "a host with its terminal"],
    ["run --detach", "in the background, from the file in this folder"],
    ["run web.cfg -d --name lab --harts 4", "a host of one guest, from an xl.cfg"],
  ],
  async run(given, context) {
    const file = await systemFile(context, given.file);
    const system = await withOverrides(await readSystem(context, file), given);
    if (!given.detach && !context.stdin.isTTY && context.format === "json") throw usageError("JSON goes with --detach");
    const name = given.name ?? context.hostName;
    const hypervisor = given.hypervisor === undefined ? undefined : path.resolve(context.cwd, given.hypervisor);
    if (hypervisor !== undefined && !existsSync(hypervisor))
      throw notFound(`there is no file ${given.hypervisor}`, "leave --hypervisor out to have one built");
    const client = await context.hosts.start({
      system,
      progress: context.progress,
      ...(name === undefined ? {} : { name }),
      ...(hypervisor === undefined ? {} : { hypervisor }),
    });
    if (!given.detach && context.signal.aborted) {
      await client.stop();
      return EXIT.interrupted;
    }
    if (!given.detach) return foreground(context, client);
    if (context.format === "json") printJson(context, await client.host());
    else remark(context, `host ${client.name} runs; typeone ls shows its guests, typeone stop ends it`);
    return EXIT.ok;
  },
});
