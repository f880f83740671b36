// SPDX-License-Identifier: Apache-2.0
// core/hw.ts on the simulated machine: each import with the meaning that runtime/riscv64/hw.h gives it on the metal.
// Called by the core's code only, always on behalf of the hart that the machine says is current.
import { CSR, SSTATUS_FS } from "./csr.ts";
import { CoreFault, FAULT_ILLEGAL, FAULT_LOAD_ACCESS, Violation } from "./faults.ts";
import type { DeviceBus } from "./bus.ts";
import type { Ram } from "./ram.ts";
import type { SimHart } from "./sim-hart.ts";
import type { SbiAnswer } from "./firmware.ts";
import type { FenceKind } from "./tlb.ts";
import type { Offsets } from "./core-module.ts";

/** What the imports need of the machine. */
export interface HardwareView {
  readonly ram: Ram;
  readonly bus: DeviceBus;
  readonly offsets: Offsets;
  readonly current: SimHart;
  readonly linearBase: number;
  readonly imageStart: number;
  readonly imageEnd: number;
  readonly secondaryEntry: bigint;
  view(): DataView;
  now(): bigint;
  /** Called before each import; may let another hart run. */
  beforeImport(name: string): void;
  extendLinear(bytes: number): boolean;
  fetchParcel(gva: bigint): number;
  sbi(eid: bigint, fid: bigint, args: readonly bigint[]): SbiAnswer;
  /** The core tried to take the lock at `ptr`, which held `before`. */
  lockTried(ptr: number, before: number): void;
  lockReleased(ptr: number): void;
  /** The core looks at a shared word. */
  polled(ptr: number): void;
}

/** An import ends its hart for good; unwinds the core's stack. */
export class Parked extends Error {}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const address = (hpa: bigint): number => {
  const wide = u64(hpa);
  if (wide >> 50n !== 0n) throw new CoreFault(`hpa ${wide.toString(16)}`, FAULT_LOAD_ACCESS, wide);
  return Number(wide);
};

type Import = (...args: never[]) => unknown;

/** The `hw` import object. */
export function hardwareImports(machine: HardwareView): Record<string, Import> {
  const all: Record<string, Import> = {
    ...csrImports(machine),
    ...hartImports(machine),
    ...floatingImports(machine),
    ...deviceImports(machine),
    ...memoryImports(machine),
    ...atomicImports(machine),
  };
  const wrapped: Record<string, Import> = {};
  for (const [name, each] of Object.entries(all)) {
    wrapped[name] = (...args: never[]): unknown => {
      machine.beforeImport(name);
      return each(...args);
    };
  }
  return wrapped;
}

function csrImports(machine: HardwareView): Record<string, Import> {
  const csrs = () => machine.current.csrs;
  return {
    csrRead: (csr: number) => csrs().read(csr),
    csrWrite: (csr: number, value: bigint) => csrs().write(csr, value),
    csrSet: (csr: number, bits: bigint) => csrs().write(csr, csrs().read(csr) | u64(bits)),
    csrClear: (csr: number, bits: bigint) => csrs().write(csr, csrs().read(csr) & ~u64(bits)),
    csrSwap: (csr: number, value: bigint) => {
      const before = csrs().read(csr);
      csrs().write(csr, value);
      return before;
    },
    csrProbe: (csr: number, absent: bigint) => (csrs().exists(csr) ? csrs().read(csr) : u64(absent)),
  };
}

function hartImports(machine: HardwareView): Record<string, Import> {
  const fence = (kind: FenceKind, part: { vmid?: number; gva?: bigint; asid?: bigint } = {}): void => {
    const loaded = Number(
      (machine.current.csrs.exists(CSR.hgatp) ? machine.current.csrs.read(CSR.hgatp) >> 44n : 0n) & 0x3fffn,
    );
    machine.current.tlb.fence({
      kind,
      time: machine.now(),
      vmid: part.vmid ?? loaded,
      gva: part.gva ?? 0n,
      asid: part.asid ?? -1n,
    });
  };
  return {
    hart: () => {
      if (machine.current.record === 0) throw new CoreFault("hart() before setHart()", FAULT_LOAD_ACCESS);
      return machine.current.record;
    },
    setHart: (ptr: number, index: number) => {
      machine.current.record = ptr >>> 0;
      machine.view().setUint32((ptr >>> 0) + (machine.offsets["HART_INDEX"] ?? 0), index, true);
    },
    noteExits: (on: number) => {
      machine.current.notesExits = on !== 0;
    },
    park: () => {
      machine.current.mode = "parked";
      throw new Parked();
    },
    fence: () => {},
    fenceInstructions: () => fence("instructions"),
    fenceStage2: (vmid: number) => fence("stage2", { vmid }),
    fenceStage2All: () => fence("stage2All"),
    fenceGuestPage: (gva: bigint, asid: bigint) => fence("guestPage", { gva: u64(gva), asid }),
    fenceGuest: (asid: bigint) => fence("guest", { asid }),
    sbi: (extension: number, func: number, a0: bigint, a1: bigint, a2: bigint) => {
      const answer = machine.sbi(BigInt(extension >>> 0), BigInt(func >>> 0), [u64(a0), u64(a1), u64(a2)]);
      const record = machine.current.record;
      if (record !== 0)
        machine.view().setBigUint64(record + (machine.offsets["HART_SBI_VALUE"] ?? 0), u64(answer.value), true);
      return answer.error;
    },
    secondaryEntry: () => machine.secondaryEntry,
    backtrace: () => 0,
    symbolName: () => 0,
    buildId: (ptr: number, max: number) => text(machine, ptr, max, "5117000000000000"),
  };
}

function floatingImports(machine: HardwareView): Record<string, Import> {
  const floating = (): void => {
    if ((machine.current.csrs.read(CSR.sstatus) & SSTATUS_FS) === 0n)
      throw new CoreFault("floating point while sstatus.FS is off", FAULT_ILLEGAL);
  };
  return {
    fpSave: (ptr: number) => {
      floating();
      machine.current.fp.forEach((value, index) => machine.view().setBigUint64((ptr >>> 0) + index * 8, value, true));
    },
    fpRestore: (ptr: number) => {
      floating();
      for (let index = 0; index < 33; index++)
        machine.current.fp[index] = machine.view().getBigUint64((ptr >>> 0) + index * 8, true);
      machine.current.csrs.write(CSR.sstatus, machine.current.csrs.read(CSR.sstatus) | SSTATUS_FS);
    },
  };
}

function text(machine: HardwareView, ptr: number, max: number, value: string): number {
  const length = Math.min(max, value.length);
  for (let index = 0; index < length; index++) machine.view().setUint8((ptr >>> 0) + index, value.charCodeAt(index));
  return length;
}

function deviceImports({ bus }: HardwareView): Record<string, Import> {
  return {
    mmioRead8: (hva: bigint) => bus.read(u64(hva), 1),
    mmioRead16: (hva: bigint) => bus.read(u64(hva), 2),
    mmioRead32: (hva: bigint) => bus.read(u64(hva), 4),
    mmioWrite8: (hva: bigint, value: number) => bus.write(u64(hva), 1, value),
    mmioWrite16: (hva: bigint, value: number) => bus.write(u64(hva), 2, value),
    mmioWrite32: (hva: bigint, value: number) => bus.write(u64(hva), 4, value),
    mapDevice: (hpa: bigint, size: bigint) => bus.map(address(hpa), Number(u64(size))),
  };
}

function memoryImports(machine: HardwareView): Record<string, Import> {
  const { ram } = machine;
  return {
    linearBase: () => BigInt(machine.linearBase),
    imageStart: () => BigInt(machine.imageStart),
    imageEnd: () => BigInt(machine.imageEnd),
    extendLinear: (bytes: number) => (machine.extendLinear(bytes >>> 0) ? 1 : 0),
    copyIn: (ptr: number, hpa: bigint, length: number) => {
      const bytes = ram.read(address(hpa), length >>> 0);
      new Uint8Array(machine.view().buffer).set(bytes, ptr >>> 0);
    },
    copyOut: (hpa: bigint, ptr: number, length: number) =>
      ram.write(address(hpa), new Uint8Array(machine.view().buffer).slice(ptr >>> 0, (ptr >>> 0) + (length >>> 0))),
    copyAcross: (to: bigint, from: bigint, length: bigint) => ram.copy(address(to), address(from), Number(u64(length))),
    clear: (hpa: bigint, length: bigint) => ram.clear(address(hpa), Number(u64(length))),
    fetchGuestParcel: (gva: bigint) => machine.fetchParcel(u64(gva)),
  };
}

function atomicImports(machine: HardwareView): Record<string, Import> {
  const update = (ptr: number, change: (before: number) => number): number => {
    if (ptr % 4 !== 0) throw new Violation(`atomic on misaligned pointer ${(ptr >>> 0).toString(16)}`);
    const view = machine.view();
    const before = view.getUint32(ptr >>> 0, true);
    view.setUint32(ptr >>> 0, change(before) >>> 0, true);
    return before;
  };
  return {
    atomicOr: (ptr: number, bits: number) => update(ptr, (before) => before | bits),
    atomicAnd: (ptr: number, bits: number) => update(ptr, (before) => before & bits),
    atomicAdd: (ptr: number, value: number) => update(ptr, (before) => before + value),
    atomicSwap: (ptr: number, value: number) => {
      if (value === 0) machine.lockReleased(ptr >>> 0);
      return update(ptr, () => value);
    },
    atomicCompareSwap: (ptr: number, expected: number, value: number) => {
      const before = update(ptr, (word) => (word === expected >>> 0 ? value : word));
      if (expected === 0) machine.lockTried(ptr >>> 0, before);
      return before;
    },
    atomicLoad: (ptr: number) => {
      machine.polled(ptr >>> 0);
      return machine.view().getUint32(ptr >>> 0, true);
    },
  };
}
