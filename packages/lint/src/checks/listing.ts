// SPDX-License-Identifier: Apache-2.0
// Reads what binutils print about the image: symbols with sizes (`nm -S`), sections (`size -A`), one function's
// disassembly. Called by scripts/asm.ts and scripts/size.ts; pure.

export interface FunctionSymbol {
  /** The symbol in the image. */
  readonly symbol: string;
  /** As TypeScript knows it, e.g. "core/guest/run/enter". */
  readonly name: string;
  readonly bytes: number;
}

/** The functions of an `nm -S` listing, with `nameOf` to undo the mangling. */
export function readFunctions(listing: string, nameOf: (symbol: string) => string): FunctionSymbol[] {
  return [...listing.matchAll(/^[0-9a-f]+ ([0-9a-f]+) [tT] (\S+)$/gm)].map(([, size = "0", symbol = ""]) => ({
    symbol,
    name: nameOf(symbol),
    bytes: Number.parseInt(size, 16),
  }));
}

/** Those that a person means by `wanted`: the exact name, else the same last word, else any that contain it. */
export function findFunctions(functions: readonly FunctionSymbol[], wanted: string): FunctionSymbol[] {
  const tests = [
    ({ name, symbol }: FunctionSymbol) => name === wanted || symbol === wanted,
    ({ name }: FunctionSymbol) => name.endsWith(`/${wanted}`),
    ({ name }: FunctionSymbol) => name.toLowerCase().includes(wanted.toLowerCase()),
  ];
  for (const test of tests) {
    const found = functions.filter(test);
    if (found.length > 0) return found;
  }
  return [];
}

/** Bytes of each section that the machine holds in memory, by name. */
export function readSections(listing: string): Map<string, number> {
  const sections = new Map<string, number>();
  for (const [, name = "", size = "0"] of listing.matchAll(/^(\.\w+)\s+(\d+)\s+\d+\s*$/gm)) {
    if (!name.startsWith(".debug")) sections.set(name, Number(size));
  }
  return sections;
}
