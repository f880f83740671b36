// SPDX-License-Identifier: Apache-2.0
// Says what a trapped load or store does: width, register, direction, extension, length. Takes the transformed
// instruction of htinst, or the guest's own instruction word where the host gives none. Called in trap context. Pure:
// it reads nothing but its arguments. Anything but an integer load or store (AMO, LR/SC, F/D, vector, cbo) is
// Unsupported: the guest then gets the access fault that a device page gives such an access on most hardware.
import { Status } from "../../lib/status";

@unmanaged
export class Decoded {
  /** 1, 2, 4 or 8 bytes. */
  width: u32 = 0;
  /** Guest register that receives (load) or gives (store) the value. */
  register: u32 = 0;
  isStore: u32 = 0;
  /** 1 when a loaded value is sign-extended. */
  signExtend: u32 = 0;
  /** Bytes of the instruction: 2 or 4. */
  length: u32 = 0;
}

// ---- 32-bit forms (@spec unpriv §2.6, §4.3)
//      31            20 19   15 14  12 11    7 6      0
// I:  |  imm[11:0]     |  rs1  |funct3|   rd   | 0000011 |
// S:  |imm[11:5]| rs2  |  rs1  |funct3|  imm   | 0100011 |
const OPCODE_MASK: u32 = 0x7f;
const OPCODE_LOAD: u32 = 0x03;
const OPCODE_STORE: u32 = 0x23;

// ---- Transformed forms (@spec priv §21.6.3): the address fields are zero except Addr.Offset, which is where the
// original instruction has rs1; bit 1 is clear when the original was compressed.
const LENGTH_BIT: u64 = 2;
const TRANSFORMED_LOAD_ZERO: u64 = ~(<u64>0x7fff);
const TRANSFORMED_STORE_ZERO: u64 = ~(<u64>0x1f0707f);

/**
 * Decodes htinst. NotFound when it is zero, so that the caller must fetch the instruction; Unsupported for pseudo and
 * custom values, and when Addr.Offset says that the access began in another page.
 */
export function decodeTransformed(htinst: u64, decoded: Decoded): i32 {
  if ((htinst & 1) == 0) return htinst == 0 ? Status.NotFound : Status.Unsupported;
  const word = <u32>(htinst | LENGTH_BIT);
  const isStore = word & OPCODE_MASK & ~OPCODE_LOAD;
  if ((htinst & (isStore ? TRANSFORMED_STORE_ZERO : TRANSFORMED_LOAD_ZERO)) != 0) return Status.Unsupported;
  const status = decodeWide(word, decoded);
  decoded.length = 2 + <u32>(htinst & LENGTH_BIT);
  return status;
}

/** Decodes an instruction word as it stands in the guest's memory; of a compressed one the upper half is ignored. */
export function decodeRaw(word: u32, decoded: Decoded): i32 {
  return (word & 3) == 3 ? decodeWide(word, decoded) : decodeCompressed(word, decoded);
}

function decodeWide(word: u32, decoded: Decoded): i32 {
  const opcode = word & OPCODE_MASK;
  const funct3 = (word >> 12) & 7;
  decoded.width = 1 << (funct3 & 3);
  decoded.length = 4;
  if (opcode == OPCODE_LOAD) {
    if (funct3 == 7) return Status.Unsupported;
    decoded.register = (word >> 7) & 31;
    decoded.isStore = 0;
    decoded.signExtend = (funct3 >> 2) ^ 1;
    return Status.Ok;
  }
  if (opcode != OPCODE_STORE || funct3 > 3) return Status.Unsupported;
  decoded.register = (word >> 20) & 31;
  decoded.isStore = 1;
  decoded.signExtend = 0;
  return Status.Ok;
}

// ---- 16-bit forms (@spec unpriv §26.3 C, §27.5 Zcb), named by funct3 (15:13) and quadrant (1:0).
//      15 13 12         7 6     5 4     2 1 0
//     |funct3| imm | rs1' | imm | rd'/rs2' |00|   C.LW C.LD C.SW C.SD: x8 to x15
//     |funct3|imm|   rd      |   imm       |10|   C.LWSP C.LDSP: rd is not x0
//     |funct3|     imm       |   rs2       |10|   C.SWSP C.SDSP
//     | 100  |00s|rs1' | f | imm | rd'/rs2' |00|  Zcb: s (11:10) selects; f (6) is 1 for c.lh only
const C_LW: u32 = 0b010_00;
const C_LD: u32 = 0b011_00;
const C_ZCB: u32 = 0b100_00;
const C_SW: u32 = 0b110_00;
const C_SD: u32 = 0b111_00;
const C_LWSP: u32 = 0b010_10;
const C_LDSP: u32 = 0b011_10;
const C_SWSP: u32 = 0b110_10;
const C_SDSP: u32 = 0b111_10;

function decodeCompressed(word: u32, decoded: Decoded): i32 {
  const form = ((word >> 11) & 0b111_00) | (word & 3);
  decoded.length = 2;
  decoded.signExtend = 0;
  if (form == C_ZCB) return decodeByteAndHalf(word, decoded);
  switch (form) {
    case C_LW:
    case C_LD:
    case C_LWSP:
    case C_LDSP:
      decoded.isStore = 0;
      decoded.signExtend = 1;
      break;
    case C_SW:
    case C_SD:
    case C_SWSP:
    case C_SDSP:
      decoded.isStore = 1;
      break;
    default:
      return Status.Unsupported;
  }
  decoded.width = form & 0b001_00 ? 8 : 4;
  if ((form & 3) == 0) {
    decoded.register = 8 + ((word >> 2) & 7);
    return Status.Ok;
  }
  decoded.register = (word >> (decoded.isStore ? 2 : 7)) & 31;
  // A stack-pointer load into x0 is a reserved encoding.
  return decoded.isStore == 0 && decoded.register == 0 ? Status.Unsupported : Status.Ok;
}

/** Zcb: c.lbu, c.lhu, c.lh, c.sb, c.sh. */
function decodeByteAndHalf(word: u32, decoded: Decoded): i32 {
  const select = (word >> 10) & 7; // 0 load byte, 1 load half, 2 store byte, 3 store half
  const flag = (word >> 6) & 1;
  if (select > 3 || (flag && select == 3)) return Status.Unsupported;
  decoded.width = 1 << (select & 1);
  decoded.register = 8 + ((word >> 2) & 7);
  decoded.isStore = select >> 1;
  decoded.signExtend = select == 1 ? flag : 0;
  return Status.Ok;
}
