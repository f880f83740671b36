// SPDX-License-Identifier: Apache-2.0
// The SBI firmware below the hypervisor: BASE, TIME, IPI, RFENCE, HSM, SRST and DBCN as OpenSBI answers them. A
// pointer that leads outside RAM hangs real firmware; here it is a violation, so that the core never passes one.
import { CSR, EID, SBI } from "./csr.ts";
import { Violation } from "./faults.ts";
import type { Ram } from "./ram.ts";
import type { SimHart } from "./sim-hart.ts";

export interface FirmwareWorld {
  readonly harts: readonly SimHart[];
  readonly ram: Ram;
  /** Host-physical address that HSM may start harts at. */
  readonly secondaryEntry: bigint;
  /** Indices of harts that never come up. */
  readonly deadHarts: readonly number[];
  now(): bigint;
  print(byte: number): void;
  takeInput(): number;
  /** The hypervisor asked for the end (SRST). */
  reset(type: bigint, reason: bigint): void;
}

export interface SbiAnswer {
  readonly error: bigint;
  readonly value: bigint;
}

const OK = (value = 0n): SbiAnswer => ({ error: SBI.success, value });
const FAIL = (error: bigint): SbiAnswer => ({ error, value: 0n });
const KNOWN = new Set<bigint>(Object.values(EID));

export interface SbiCall {
  readonly eid: bigint;
  readonly fid: bigint;
  readonly args: readonly bigint[];
}

/** One call from hypervisor code that runs on `hart`. */
export function firmwareCall(world: FirmwareWorld, hart: SimHart, { eid, fid, args }: SbiCall): SbiAnswer {
  const [a0 = 0n, a1 = 0n, a2 = 0n] = args;
  switch (eid) {
    case EID.base:
      return base(fid, a0);
    case EID.time:
      if (fid !== 0n) return FAIL(SBI.notSupported);
      hart.firmwareDeadline = a0;
      return OK();
    case EID.ipi:
      if (fid !== 0n) return FAIL(SBI.notSupported);
      return forEachTarget(world, a0, a1, (target) => (target.csrs.software |= 2n));
    case EID.rfence:
      return fid <= 6n
        ? forEachTarget(world, a0, a1, (target) => remoteFence(world, hart, target, fid))
        : FAIL(SBI.notSupported);
    case EID.hsm:
      return hsm(world, hart, fid, [a0, a1, a2]);
    case EID.srst:
      if (fid !== 0n) return FAIL(SBI.notSupported);
      world.reset(a0, a1);
      return OK();
    case EID.dbcn:
      return console(world, fid, [a0, a1, a2]);
    default:
      return FAIL(SBI.notSupported);
  }
}

/** @spec sbi §8: fences of the whole range; those of guest-virtual addresses work on the caller's own VMID. */
function remoteFence(world: FirmwareWorld, caller: SimHart, target: SimHart, fid: bigint): void {
  const kind = fid === 0n ? "instructions" : fid === 3n || fid === 4n ? "stage2All" : fid >= 5n ? "guest" : null;
  const vmid = Number((caller.csrs.read(CSR.hgatp) >> 44n) & 0x3fffn);
  if (kind) target.tlb.fence({ kind, time: world.now(), vmid, gva: 0n, asid: -1n });
}

function base(fid: bigint, a0: bigint): SbiAnswer {
  if (fid === 0n) return OK((2n << 24n) | 0n);
  if (fid === 1n) return OK(1n);
  if (fid === 2n) return OK(0x10005n);
  if (fid === 3n) return OK(KNOWN.has(a0) ? 1n : 0n);
  return fid <= 6n ? OK() : FAIL(SBI.notSupported);
}

function forEachTarget(world: FirmwareWorld, mask: bigint, maskBase: bigint, act: (hart: SimHart) => void): SbiAnswer {
  const all = maskBase === (1n << 64n) - 1n;
  const ids = all ? world.harts.map((hart) => hart.id) : [];
  for (let bit = 0n; !all && bit < 64n; bit++) if (((mask >> bit) & 1n) === 1n) ids.push(maskBase + bit);
  const targets = ids.map((id) => world.harts.find((hart) => hart.id === id));
  if (targets.some((target) => !target)) return FAIL(SBI.invalidParam);
  for (const target of targets) if (target && target.mode !== "off") act(target);
  return OK();
}

function hsm(
  world: FirmwareWorld,
  hart: SimHart,
  fid: bigint,
  [a0 = 0n, a1 = 0n, a2 = 0n]: readonly bigint[],
): SbiAnswer {
  if (fid === 1n) {
    hart.mode = "off";
    return OK();
  }
  const target = world.harts.find((each) => each.id === a0);
  if (fid === 2n)
    return target ? OK(target.mode === "off" ? 1n : target.mode === "starting" ? 2n : 0n) : FAIL(SBI.invalidParam);
  if (fid !== 0n) return FAIL(SBI.notSupported);
  if (!target) return FAIL(SBI.invalidParam);
  if (target.mode !== "off") return FAIL(SBI.alreadyAvailable);
  if (a1 !== world.secondaryEntry)
    throw new Violation(`a hart is started at ${a1.toString(16)}, not at secondaryEntry()`);
  target.opaque = a2;
  if (!world.deadHarts.includes(target.index)) target.mode = "starting";
  return OK();
}

function console(world: FirmwareWorld, fid: bigint, [a0 = 0n, a1 = 0n, a2 = 0n]: readonly bigint[]): SbiAnswer {
  if (fid === 2n) {
    world.print(Number(a0 & 0xffn));
    return OK();
  }
  if (fid !== 0n && fid !== 1n) return FAIL(SBI.notSupported);
  const length = Number(a0);
  const hpa = Number(a1);
  if (a2 !== 0n || !world.ram.contains(hpa, length))
    throw new Violation(`DBCN with a pointer outside RAM: ${a1.toString(16)}+${a0}`);
  if (fid === 0n) {
    for (const byte of world.ram.read(hpa, length)) world.print(byte);
    return OK(a0);
  }
  const bytes: number[] = [];
  for (let byte = world.takeInput(); byte >= 0 && bytes.length < length; byte = world.takeInput()) bytes.push(byte);
  world.ram.write(hpa, Uint8Array.from(bytes));
  return OK(BigInt(bytes.length));
}
