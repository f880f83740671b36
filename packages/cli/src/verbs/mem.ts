// SPDX-License-Identifier: Apache-2.0
// `typeone mem NAME GPA LENGTH`: a guest's memory as a hex dump or as raw bytes.
import { address, wholeNumber } from "../args.ts";
import { usageError } from "../errors.ts";
import type { HostClient } from "../host-client.ts";
import { hex, hexDump } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { defineVerb } from "../verb.ts";

/** What one request asks for at most. */
const PIECE = 4096;
const MOST = 64 * 1024 * 1024;

async function* pieces(client: HostClient, name: string, range: { gpa: bigint; length: number }) {
  for (let at = 0; at < range.length;) {
    const data = await client.readMemory(name, range.gpa + BigInt(at), Math.min(PIECE, range.length - at));
    if (data.length === 0) return;
    yield { at, data };
    at += data.length;
  }
}

export default defineVerb({
  args: {
    name: { type: "positional", required: true, description: "name or number of a guest" },
    gpa: { type: "positional", required: true, description: "guest-physical address, like 0x80000000" },
    length: { type: "positional", required: false, default: "256", description: "bytes (default: 256)" },
    raw: { type: "boolean", description: "the bytes themselves, for a file or a pipe" },
  },
  completes: { name: "guest" },
  examples: [
    ["mem web 0x80000000 64", "a hex dump"],
    ["mem web 0x80200000 0x100000 --raw > kernel.bin", "1 MiB into a file"],
  ],
  async run({ name, gpa, length, raw }, context) {
    const range = { gpa: address("GPA", gpa), length: wholeNumber("LENGTH", length, [1, MOST]) };
    if (raw && context.stdout.isTTY)
      throw usageError("--raw does not write to a terminal", "send it to a file: > memory.bin");
    const client = await context.connect();
    const all: Uint8Array[] = [];
    for await (const { at, data } of pieces(client, name, range)) {
      if (raw) context.stdout.write(data);
      else if (context.format === "json") all.push(data);
      else printLine(context, hexDump(data, range.gpa + BigInt(at)));
    }
    if (context.format === "json" && !raw)
      printJson(context, { guest: name, gpa: hex(range.gpa), bytes: Buffer.concat(all).toString("hex") });
  },
});
