// SPDX-License-Identifier: Apache-2.0
// Finds floating-point and vector instructions in a disassembly by their encoding, so that it does not matter which
// extensions the disassembler thinks the file uses. Called by scripts/check-no-fp.ts; pure.

export interface Instruction {
  readonly symbol: string;
  readonly address: string;
  readonly text: string;
}

/** Major opcodes: LOAD-FP, STORE-FP, MADD, MSUB, NMSUB, NMADD, OP-FP, OP-V. unpriv §35 */
const OPCODES = new Set([0x07, 0x27, 0x43, 0x47, 0x4b, 0x4f, 0x53, 0x57]);
/** fflags, frm, fcsr, vstart, vxsat, vxrm, vcsr, vl, vtype, vlenb. */
const CSRS = new Set([0x001, 0x002, 0x003, 0x008, 0x009, 0x00a, 0x00f, 0xc20, 0xc21, 0xc22]);
const SYSTEM = 0x73;

/** Whether an RV64 instruction uses the F, D or V registers or their CSRs. */
export function usesGuestRegisters(encoding: number): boolean {
  if ((encoding & 3) !== 3) {
    // c.fld and c.fsd (quadrant 0), c.fldsp and c.fsdsp (quadrant 2)
    const quadrant = encoding & 3;
    const funct3 = (encoding >>> 13) & 7;
    return quadrant !== 1 && (funct3 === 1 || funct3 === 5);
  }
  const opcode = encoding & 0x7f;
  if (OPCODES.has(opcode)) return true;
  return opcode === SYSTEM && ((encoding >>> 12) & 7) !== 0 && CSRS.has(encoding >>> 20);
}

/** The offending instructions of an `objdump -d` listing, outside the symbols that may use those registers. */
export function findGuestRegisterUse(listing: string, allowed: ReadonlySet<string>): Instruction[] {
  const found: Instruction[] = [];
  let symbol = "";
  for (const line of listing.split("\n")) {
    const label = /^[0-9a-f]+ <(.+)>:$/.exec(line);
    if (label?.[1] !== undefined) symbol = label[1];
    const code = /^\s*([0-9a-f]+):\s+([0-9a-f]{4}|[0-9a-f]{8})\s+(.*)$/.exec(line);
    if (!code) continue;
    const [, address = "", encoding = "", text = ""] = code;
    if (!allowed.has(symbol) && usesGuestRegisters(Number.parseInt(encoding, 16))) {
      found.push({ symbol, address, text: text.replace(/\s+/g, " ") });
    }
  }
  return found;
}

/** Number of instructions in a listing; a check over an empty listing would pass for the wrong reason. */
export function countInstructions(listing: string): number {
  return listing.match(/^\s*[0-9a-f]+:\s+([0-9a-f]{4}|[0-9a-f]{8})\s/gm)?.length ?? 0;
}
