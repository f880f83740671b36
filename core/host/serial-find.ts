// SPDX-License-Identifier: Apache-2.0
// Finds the host's UART in the host tree: the one that /chosen's stdout-path names, else the first that we can drive.
// Called once by the boot hart. Reads a checked tree, touches no hardware.
import {
  fdtAddress,
  fdtAvailable,
  fdtCompatible,
  fdtFind,
  fdtFindCompatible,
  FdtInterrupt,
  fdtInterrupt,
  fdtInterruptCell,
  fdtLength,
  fdtProperty,
  FdtRange,
  fdtResolve,
  fdtU32,
} from "../fdt/read";
import { Status } from "../lib/status";

const COLON: u32 = 0x3a;
const DIGIT_0: u32 = 0x30;
const DIGIT_9: u32 = 0x39;
/** Registers of a 16550. */
const REGISTERS: u32 = 8;

@unmanaged
export class SerialInfo {
  hpa: u64 = 0;
  size: u64 = 0;
  /** Where the registers begin in the window. */
  offset: u64 = 0;
  /** Registers are 1 << shift bytes apart and are accessed `width` bytes wide, 1 or 4. */
  shift: u32 = 0;
  width: u32 = 0;
  /** Hz of the baud generator; 0 if unknown. */
  clock: u32 = 0;
  /** Wanted rate; 0 keeps what firmware set. */
  baud: u32 = 0;
  /** Source at the host's interrupt controller and its trigger flags; 0 for none. */
  irq: u32 = 0;
  trigger: u32 = 0;
}

// @lock per boot: scratch of the boot hart.
const range: usize = memory.data(16, 8);
const interrupt: usize = memory.data(16, 8);

/** Fills `info`; NotFound if no UART is one of ours, Malformed if the chosen one cannot be used as described. */
export function findSerial(fdt: usize, info: SerialInfo): i32 {
  memory.fill(changetype<usize>(info), 0, offsetof<SerialInfo>());
  const chosen = fdtFind(fdt, "/chosen");
  const path = chosen != 0 ? fdtProperty(fdt, chosen, "stdout-path") : 0;
  let node = path != 0 ? fdtResolve(fdt, path) : 0;
  if (node != 0 && isOurs(fdt, node)) info.baud = baudOf(path);
  else node = firstOf(fdt);
  if (node == 0) return Status.NotFound;
  const where = changetype<FdtRange>(range);
  if (fdtAddress(fdt, node, 0, where) != Status.Ok) return Status.Malformed;
  info.hpa = where.base;
  info.size = where.size;
  info.offset = fdtU32(fdt, node, "reg-offset", 0);
  info.shift = fdtU32(fdt, node, "reg-shift", 0);
  info.width = fdtU32(fdt, node, "reg-io-width", 1);
  info.clock = fdtU32(fdt, node, "clock-frequency", 0);
  if (info.clock == 0) info.baud = 0;
  const what = changetype<FdtInterrupt>(interrupt);
  if (fdtInterrupt(fdt, node, 0, what) == Status.Ok) {
    info.irq = fdtInterruptCell(what, 0);
    info.trigger = fdtInterruptCell(what, 1);
  }
  return checked(info);
}

function checked(info: SerialInfo): i32 {
  if (info.shift > 3 || (info.width != 1 && info.width != 4)) return Status.Malformed;
  if (info.width == 4 && (info.shift < 2 || ((info.hpa + info.offset) & 3) != 0)) return Status.Malformed;
  const span = (<u64>(REGISTERS - 1)) << info.shift;
  return info.offset + span + info.width > info.size ? Status.Malformed : Status.Ok;
}

function isOurs(fdt: usize, node: usize): bool {
  if (!fdtAvailable(fdt, node)) return false;
  if (fdtCompatible(fdt, node, "ns16550a") || fdtCompatible(fdt, node, "ns16550")) return true;
  return fdtCompatible(fdt, node, "snps,dw-apb-uart");
}

function firstOf(fdt: usize): usize {
  let node = fdtFindCompatible(fdt, 0, "ns16550a");
  while (node != 0 && !fdtAvailable(fdt, node)) node = fdtFindCompatible(fdt, node, "ns16550a");
  if (node != 0) return node;
  node = fdtFindCompatible(fdt, 0, "snps,dw-apb-uart");
  while (node != 0 && !fdtAvailable(fdt, node)) node = fdtFindCompatible(fdt, node, "snps,dw-apb-uart");
  return node;
}

/** The number after the colon of a path such as `serial0:115200n8`; 0 if there is none or it makes no sense. */
function baudOf(path: usize): u32 {
  const length = fdtLength(path);
  let at: u32 = 0;
  while (at < length && load<u8>(path + at) != COLON) at++;
  let baud: u32 = 0;
  for (at++; at < length && baud < 10_000_000; at++) {
    const byte: u32 = load<u8>(path + at);
    if (byte < DIGIT_0 || byte > DIGIT_9) break;
    baud = baud * 10 + (byte - DIGIT_0);
  }
  return baud >= 300 && baud <= 10_000_000 ? baud : 0;
}
