// SPDX-License-Identifier: Apache-2.0
// `npm run asm -- NAME`: what became of a TypeScript function: its machine code and the number of its instructions.
// Without a name, the functions with their sizes. Inlined functions have no code of their own.
import { buildHypervisor, tool, typeScriptName } from "@typeone/toolchain";
import { countInstructions } from "../packages/lint/src/checks/encoding.ts";
import { findFunctions, type FunctionSymbol, readFunctions } from "../packages/lint/src/checks/listing.ts";

const MOST_SHOWN = 6;

const { elf } = await buildHypervisor();
const functions = readFunctions((await tool("nm", ["-S", "-n", elf])).stdout, typeScriptName);
const wanted = process.argv[2];

function list(some: readonly FunctionSymbol[]): void {
  for (const { name, bytes } of some) console.log(`${String(bytes).padStart(7)} bytes  ${name}`);
}

async function show({ symbol, name }: FunctionSymbol): Promise<void> {
  const { stdout } = await tool("objdump", ["-d", `--disassemble=${symbol}`, elf]);
  const lines = stdout.split("\n").filter((line) => /^\s*[0-9a-f]+:\s/.test(line));
  console.log(`${name}: ${countInstructions(stdout)} instructions`);
  for (const line of lines) {
    const [address = "", , mnemonic = "", ...operands] = line.trim().split("\t");
    const readable = operands.join(" ").replace(/<(w2c_\w+[^+>]*)/g, (_, name: string) => `<${typeScriptName(name)}`);
    console.log(`  ${address.replace(":", "").slice(-6)}  ${mnemonic.padEnd(8)} ${readable}`);
  }
}

const found = wanted === undefined ? [] : findFunctions(functions, wanted);
if (wanted === undefined) {
  list([...functions].sort((a, b) => b.bytes - a.bytes));
} else if (found.length === 0) {
  console.error(`no function is called ${wanted}: it may be inlined into its callers; npm run asm lists what is there`);
  process.exitCode = 1;
} else if (found.length > MOST_SHOWN) {
  console.log(`${found.length} functions match:`);
  list(found);
} else {
  for (const one of found) await show(one);
}
