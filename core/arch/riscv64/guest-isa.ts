// SPDX-License-Identifier: Apache-2.0
// Which of the host's ISA extensions a guest may use, filtered by one list of what this hypervisor virtualizes, as
// properties of a guest's cpu node. Boot and worker context, with the creation lock held.
import { fdtBeginProperty, fdtBytes, fdtEndProperty, fdtText, FdtWriter } from "../../fdt/write";
import { firstIsaName, hostHasLetter, isaNameLength, isText, nextIsaName } from "./isa";

/**
 * Names of more than one letter that a guest may see, each between spaces. All work in VS and VU by themselves or with
 * a bit of henvcfg that host.ts sets; none has state that a change of vCPUs would have to move. In the order in which
 * hosts list them, as each search goes on where the last one ended.
 */
// prettier-ignore
const ALLOWED: string = " zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr zicond zicsr zifencei zihintntl zihintpause zihpm zimop zmmul za64rs za128rs zaamo zabha zacas zalrsc zawrs zfa zfh zfhmin zca zcb zcd zcmop zba zbb zbc zbkb zbkc zbkx zbs zknd zkne zknh zksed zksh zkt sscounterenw sstc sstvala sstvecd svade svadu svbare svinval svnapot svpbmt svvptc ";
const LETTERS: string = "imafdc";
const UNDERSCORE: u32 = 0x5f;
const SPACE: u32 = 0x20;

// @lock creation: scratch.
const piece: usize = memory.data(64, 8);

/** Where the name stands in ALLOWED, looked for from `first` to before `limit`; 0 if it does not. */
function allowedAt(at: usize, length: u32, first: u32, limit: u32): u32 {
  for (let from = first; from < limit && from + length < <u32>ALLOWED.length; from++) {
    const whole = ALLOWED.charCodeAt(from - 1) == SPACE && ALLOWED.charCodeAt(from + length) == SPACE;
    if (whole && isText(at, length, ALLOWED, from)) return from;
  }
  return 0;
}

/** Writes `riscv,isa-base`, `riscv,isa-extensions` and the older `riscv,isa` for a guest's cpu node; `more`: one name more. */
export function writeGuestIsa(writer: FdtWriter, more: string): void {
  fdtBeginProperty(writer, "riscv,isa-base");
  fdtText(writer, "rv64i");
  fdtEndProperty(writer);
  fdtBeginProperty(writer, "riscv,isa-extensions");
  writeNames(writer, 0);
  if (more.length) fdtText(writer, more);
  fdtEndProperty(writer);
  fdtBeginProperty(writer, "riscv,isa");
  store<u32>(piece, 0x3436_7672); // "rv64"
  fdtBytes(writer, piece, 4);
  writeNames(writer, UNDERSCORE);
  if (more.length) {
    store<u8>(piece, <u8>UNDERSCORE);
    fdtBytes(writer, piece, 1);
    fdtText(writer, more);
  } else {
    store<u8>(piece, 0);
    fdtBytes(writer, piece, 1);
  }
  fdtEndProperty(writer);
}

/** The guest's names: each followed by NUL when `joint` is 0, else letters alone and longer names behind `joint`. */
function writeNames(writer: FdtWriter, joint: u32): void {
  store<u8>(piece, 0, 1);
  for (let i = 0; i < LETTERS.length; i++) {
    store<u8>(piece, <u8>LETTERS.charCodeAt(i));
    if (hostHasLetter(<u32>LETTERS.charCodeAt(i))) fdtBytes(writer, piece, joint ? 1 : 2);
  }
  let last: u32 = 1;
  for (let at = firstIsaName(); at; at = nextIsaName(at)) {
    const length = isaNameLength(at);
    if (length < 2 || length > 32) continue;
    const found = allowedAt(at, length, last, ALLOWED.length) || allowedAt(at, length, 1, last);
    if (!found) continue;
    last = found;
    writePiece(writer, at, length, joint);
  }
}

function writePiece(writer: FdtWriter, at: usize, length: u32, joint: u32): void {
  if (joint) {
    store<u8>(piece, <u8>joint);
    fdtBytes(writer, piece, 1);
  }
  fdtBytes(writer, at, length);
  if (!joint) {
    store<u8>(piece, 0);
    fdtBytes(writer, piece, 1);
  }
}
