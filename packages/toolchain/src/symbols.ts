// SPDX-License-Identifier: Apache-2.0
// The names of the image's functions as TypeScript knows them: wasm2c's mangling undone, and the table that the image
// carries so that a panic can name functions by itself.

/** "w2c_core_arch0x2Friscv640x2Ftrap0x2Fdecode_0" → "arch/riscv64/trap/decode". */
export function typeScriptName(symbol: string): string {
  const compilerSuffix = symbol.match(/\.(isra|constprop|part|cold)\..*$/)?.[0] ?? "";
  return symbol
    .slice(0, symbol.length - compilerSuffix.length)
    .replace(/^(wrap_)?w2c_[a-z]+_/, "")
    .replace(/0x([0-9A-F]{2})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/_0$/, "")
    .replace(/^~lib\//, "std/");
}

/**
 * Assembly text of `.symbols` from `nm -n` output. Per function, by address: how far it is from the one before (LEB128),
 * how many letters its name shares with that one's, the other letters, and a NUL.
 */
export function symbolTable(nm: string): string {
  const rows: { offset: number; name: string }[] = [];
  let start = 0n;
  for (const line of nm.split("\n")) {
    const match = line.match(/^([0-9a-f]{16}) ([a-zA-Z]) (\S+)$/);
    if (!match) continue;
    const [, address = "", kind = "", name = ""] = match;
    if (name === "_image_start") start = BigInt(`0x${address}`);
    if (/^[tT]$/.test(kind) && !name.startsWith(".") && !/^_(text_end|image_start|start)$/.test(name)) {
      rows.push({ offset: Number(BigInt(`0x${address}`) - start), name: typeScriptName(name) });
    }
  }
  const lines: string[] = [];
  let before = { offset: 0, name: "" };
  for (const row of rows.filter(({ offset }, index) => rows[index - 1]?.offset !== offset)) {
    const same = Math.min(commonLength(before.name, row.name), 255);
    lines.push(`.uleb128 ${row.offset - before.offset}\n.byte ${same}\n.asciz "${row.name.slice(same)}"`);
    before = row;
  }
  return `_symbols:\n${lines.join("\n")}\n`;
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
