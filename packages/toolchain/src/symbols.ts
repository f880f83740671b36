// SPDX-License-Identifier: Apache-2.0
// The names of the image's functions as TypeScript knows them: wasm2c's mangling undone, and the table that the image
// carries so that a panic can name functions by itself.

/** "w2c_core_arch0x2Friscv640x2Ftrap0x2Fdecode_0" → "arch/riscv64/trap/decode". */
export function typeScriptName(symbol: string): string {
  const compilerSuffix = symbol.match(/\.(isra|constprop|part|cold)\..*$/)?.[0] ?? "";
  return symbol
    .slice(0, symbol.length - compilerSuffix.length)
    .replace(/^w2c_[a-z]+_/, "")
    .replace(/0x([0-9A-F]{2})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/_0$/, "")
    .replace(/^~lib\//, "std/");
}

/** Assembly text of `.symbols` from `nm -n` output: count, (text offset, name offset) pairs by address, names. */
export function symbolTable(nm: string): string {
  const rows: { offset: bigint; name: string }[] = [];
  let start = 0n;
  for (const line of nm.split("\n")) {
    const match = line.match(/^([0-9a-f]{16}) ([a-zA-Z]) (\S+)$/);
    if (!match) continue;
    const [, address = "", kind = "", name = ""] = match;
    if (name === "_image_start") start = BigInt(`0x${address}`);
    if (/^[tT]$/.test(kind) && !name.startsWith(".") && !/^_(text_end|image_start|start)$/.test(name)) {
      rows.push({ offset: BigInt(`0x${address}`), name: typeScriptName(name) });
    }
  }
  const unique = rows.filter((row, index) => rows[index - 1]?.offset !== row.offset);
  const header = 4 + 8 * unique.length;
  let at = header;
  const index: string[] = [];
  const names: string[] = [];
  for (const { offset, name } of unique) {
    index.push(`.word ${offset - start}, ${at}`);
    names.push(`.asciz "${name}"`);
    at += Buffer.byteLength(name) + 1;
  }
  return `_symbols: .word ${unique.length}\n${index.join("\n")}\n${names.join("\n")}\n`;
}
