// SPDX-License-Identifier: Apache-2.0
// The CSRs of one simulated hart with the WARL behaviour that a hypervisor depends on: modes and VMID widths of hgatp,
// bits of henvcfg that the host lacks, delegation masks, and the aliases between sip, hip, hvip, vsip and vsie.
// The hypervisor reaches it through imports.ts, the guest model through guest-csr.ts. It never runs anything.
import { CoreFault, FAULT_ILLEGAL } from "./faults.ts";
import { CSR, csrName, HENVCFG_STCE, IRQ_SEI, IRQ_SGEI, IRQ_STI, IRQ_VSEI, IRQ_VSTI } from "./csr.ts";

export interface CsrOptions {
  readonly hypervisor: boolean;
  readonly sstc: boolean;
  readonly svadu: boolean;
  readonly svpbmt: boolean;
  readonly smstateen: boolean;
  /** Width of hgatp.VMID. */
  readonly vmidBits: number;
  /** Stage-2 modes that exist, among 8 (Sv39x4), 9 (Sv48x4) and 10 (Sv57x4). */
  readonly stage2Modes: readonly number[];
  /** Guest interrupt files; 0 without an IMSIC. */
  readonly guestFiles: number;
}

/** The IMSIC's side of the AIA CSRs; absent CSRs where there is none. */
export interface InterruptFile {
  select: bigint;
  readIndirect(): bigint;
  writeIndirect(value: bigint): void;
  /** Value of stopei: identity << 16 | identity, 0 when nothing is deliverable. */
  top(): bigint;
  claim(): void;
}

const BIT = (index: number): bigint => 1n << BigInt(index);
const MASK64 = (1n << 64n) - 1n;
const S_BITS = 0x222n;
const VS_BITS = 0x444n;
const SSTATUS_MASK = 0xc6762n;
const HEDELEG_MASK = 0xb1ffn;
const HSTATUS_MASK = 0x7003c0n;

const PLAIN = new Set<number>([
  CSR.scounteren,
  CSR.senvcfg,
  CSR.sscratch,
  CSR.sepc,
  CSR.scause,
  CSR.stval,
  CSR.stvec,
  CSR.satp,
  CSR.vstvec,
  CSR.vsscratch,
  CSR.vsepc,
  CSR.vscause,
  CSR.vstval,
  CSR.vsatp,
  CSR.htimedelta,
  CSR.hcounteren,
  CSR.htval,
  CSR.htinst,
]);
const KNOWN = new Set<number>(Object.values(CSR));
const FIRST_H = 0x200;
const UNKNOWN = 0;
const PRESENT = 1;
const ABSENT = 2;
const AIA = new Set<number>([
  CSR.siselect,
  CSR.sireg,
  CSR.stopei,
  CSR.stopi,
  CSR.vsiselect,
  CSR.vsireg,
  CSR.vstopei,
  CSR.vstopi,
  CSR.hvien,
  CSR.hvictl,
  CSR.hviprio1,
  CSR.hviprio2,
]);

/** Registers behind sireg that an interrupt file has: of the arrays only the even ones on 64 bits. */
export function isFileRegister(select: bigint): boolean {
  return select >= 0x70n && select <= 0xffn && (select < 0x80n || select % 2n === 0n);
}

export class CsrFile {
  readonly options: CsrOptions;
  readonly #values = new Map<number, bigint>();
  readonly #exists = new Uint8Array(4096);
  /** Enable bits of S and VS level together (mie's view). */
  enables = 0n;
  /** Software-writable pending bits: SSIP, and the hvip bits. */
  software = 0n;
  hvip = 0n;
  /** Whether firmware's timer is due, where there is no Sstc. */
  firmwareTimer: () => boolean = () => false;
  /** Level of the wire from the PLIC, APLIC or IMSIC. */
  externalLine = false;
  /** Host time source. */
  readonly time: () => bigint;
  file: InterruptFile | null = null;
  /** Guest interrupt files by number; 0 stands for none. */
  guestFiles: readonly InterruptFile[] = [];
  /** Pending guest external interrupts by file number (hgeip). */
  guestPending = 0n;

  constructor(options: CsrOptions, time: () => bigint) {
    this.options = options;
    this.time = time;
    for (const csr of PLAIN) this.#values.set(csr, 0n);
    this.#values.set(CSR.sstatus, 0n);
    this.#values.set(CSR.vsstatus, 0n);
    this.#values.set(CSR.stimecmp, MASK64);
    this.#values.set(CSR.vstimecmp, MASK64);
  }

  exists(csr: number): boolean {
    const known = this.#exists[csr] as number;
    if (known !== UNKNOWN) return known === PRESENT;
    // Files of an IMSIC are attached after construction; only those CSRs are decided anew each time.
    if (AIA.has(csr)) return this.file !== null;
    const present = this.#decide(csr);
    this.#exists[csr] = present ? PRESENT : ABSENT;
    return present;
  }

  #decide(csr: number): boolean {
    const { sstc, hypervisor, smstateen } = this.options;
    if (csr === CSR.stimecmp || csr === CSR.vstimecmp) return sstc && (csr === CSR.stimecmp || hypervisor);
    if (csr === CSR.hstateen0 || csr === CSR.sstateen0) return smstateen;
    const high = (csr >= FIRST_H && csr < 0x300) || (csr >= 0x600 && csr < 0x700) || csr === CSR.hgeip;
    if (high && !hypervisor) return false;
    return KNOWN.has(csr);
  }

  #require(csr: number): void {
    if (!this.exists(csr)) throw new CoreFault(`${csrName(csr)} does not exist on this hart`, FAULT_ILLEGAL);
  }

  #raw(csr: number): bigint {
    return this.#values.get(csr) ?? 0n;
  }

  /** All pending bits, S and VS level (mip's view). */
  pending(): bigint {
    let bits = this.software | this.hvip;
    const sstc = this.options.sstc;
    const due = sstc ? this.time() >= this.#raw(CSR.stimecmp) : this.firmwareTimer();
    if (due) bits |= BIT(IRQ_STI);
    if (this.externalLine) bits |= BIT(IRQ_SEI);
    const guestTime = BigInt.asUintN(64, this.time() + this.#raw(CSR.htimedelta));
    if (sstc && (this.#raw(CSR.henvcfg) & HENVCFG_STCE) !== 0n && guestTime >= this.#raw(CSR.vstimecmp))
      bits |= BIT(IRQ_VSTI);
    const vgein = (this.#raw(CSR.hstatus) >> 12n) & 63n;
    if (vgein !== 0n && ((this.guestPending >> vgein) & 1n) !== 0n) bits |= BIT(IRQ_VSEI);
    if ((this.guestPending & this.#raw(CSR.hgeie)) !== 0n) bits |= BIT(IRQ_SGEI);
    return bits;
  }

  read(csr: number): bigint {
    this.#require(csr);
    switch (csr) {
      case CSR.time:
        return this.time();
      case CSR.cycle:
      case CSR.instret:
        return this.time() * 100n;
      case CSR.sip:
        return this.pending() & S_BITS;
      case CSR.hip:
        return this.pending() & (VS_BITS | BIT(IRQ_SGEI));
      case CSR.hvip:
        return this.hvip;
      case CSR.vsip:
        return (this.pending() & VS_BITS & this.#raw(CSR.hideleg)) >> 1n;
      case CSR.sie:
        return this.enables & S_BITS;
      case CSR.hie:
        return this.enables & (VS_BITS | BIT(IRQ_SGEI));
      case CSR.vsie:
        return (this.enables & VS_BITS & this.#raw(CSR.hideleg)) >> 1n;
      case CSR.hstatus:
        return this.#raw(csr) | (2n << 32n);
      case CSR.sstatus:
      case CSR.vsstatus:
        return this.#status(csr);
      case CSR.hgeip:
        return this.guestPending;
      case CSR.siselect:
        return this.file?.select ?? 0n;
      case CSR.sireg:
        return this.file?.readIndirect() ?? 0n;
      case CSR.stopei:
        return this.file?.top() ?? 0n;
      case CSR.vsireg:
        return this.#guestRegister().readIndirect();
      case CSR.vstopei:
        return this.#chosenFile(csr).top();
      case CSR.vstopi:
        return this.#topInterrupt();
      default:
        return this.#raw(csr);
    }
  }

  #status(csr: number): bigint {
    const value = this.#raw(csr) | (2n << 32n);
    const dirty = (value & 0x6000n) === 0x6000n || (value & 0x600n) === 0x600n;
    return dirty ? value | (1n << 63n) : value;
  }

  write(csr: number, written: bigint): void {
    this.#require(csr);
    const value = BigInt.asUintN(64, written);
    if (csr >> 10 === 3) throw new CoreFault(`${csrName(csr)} is read-only`, FAULT_ILLEGAL);
    switch (csr) {
      case CSR.sip:
        this.software = (this.software & ~2n) | (value & 2n);
        return;
      case CSR.hip:
        this.hvip = (this.hvip & ~4n) | (value & 4n);
        return;
      case CSR.hvip:
        this.hvip = value & VS_BITS;
        return;
      case CSR.vsip:
        if ((this.#raw(CSR.hideleg) & 4n) !== 0n) this.hvip = (this.hvip & ~4n) | ((value << 1n) & 4n);
        return;
      case CSR.sie:
        this.enables = (this.enables & ~S_BITS) | (value & S_BITS);
        return;
      case CSR.hie:
        this.enables = (this.enables & S_BITS) | (value & (VS_BITS | BIT(IRQ_SGEI)));
        return;
      case CSR.vsie: {
        const mask = VS_BITS & this.#raw(CSR.hideleg);
        this.enables = (this.enables & ~mask) | ((value << 1n) & mask);
        return;
      }
      case CSR.siselect:
        if (this.file) this.file.select = value & 0xfffn;
        return;
      case CSR.sireg:
        this.file?.writeIndirect(value);
        return;
      case CSR.stopei:
        this.file?.claim();
        return;
      case CSR.vsireg:
        this.#guestRegister().writeIndirect(value);
        return;
      case CSR.vstopei:
        this.#chosenFile(csr).claim();
        return;
      default:
        this.#values.set(csr, this.#legal(csr, value));
    }
  }

  /** The guest file that hstatus.VGEIN names, null for none. */
  get guestFile(): InterruptFile | null {
    const vgein = Number((this.#raw(CSR.hstatus) >> 12n) & 63n);
    return vgein === 0 ? null : (this.guestFiles[vgein] ?? null);
  }

  #chosenFile(csr: number): InterruptFile {
    if (!this.guestFile) throw new CoreFault(`${csrName(csr)} while hstatus.VGEIN names no file`, FAULT_ILLEGAL);
    return this.guestFile;
  }

  /** @spec aia §2.3, §3.8: the file with vsiselect's register chosen. */
  #guestRegister(): InterruptFile {
    const file = this.#chosenFile(CSR.vsireg);
    const select = this.#raw(CSR.vsiselect);
    if (!isFileRegister(select)) throw new CoreFault(`vsireg with vsiselect ${select.toString(16)}`, FAULT_ILLEGAL);
    file.select = select;
    return file;
  }

  /** @spec aia §6.3.3, as QEMU has it: without a file an external interrupt is listed only if hvictl names it. */
  #topInterrupt(): bigint {
    const ready = this.read(CSR.vsip) & this.read(CSR.vsie);
    const hvictl = this.#raw(CSR.hvictl);
    const named = hvictl >> 16n === 9n && (hvictl & 0xffn) !== 0n;
    if ((ready & 0x200n) !== 0n && (this.guestFile !== null || named)) return (9n << 16n) | 1n;
    if ((ready & 2n) !== 0n) return (1n << 16n) | 255n;
    return (ready & 0x20n) !== 0n ? (5n << 16n) | 255n : 0n;
  }

  /** The value that a WARL register really takes. */
  #legal(csr: number, value: bigint): bigint {
    switch (csr) {
      case CSR.sstatus:
      case CSR.vsstatus:
        return value & SSTATUS_MASK;
      case CSR.hstatus: {
        const vgein = (value >> 12n) & 63n;
        return (value & HSTATUS_MASK) | (vgein <= BigInt(this.options.guestFiles) ? vgein << 12n : 0n);
      }
      case CSR.hedeleg:
        return value & HEDELEG_MASK;
      case CSR.hideleg:
        return value & VS_BITS;
      case CSR.hgeie:
        return value & (((1n << BigInt(this.options.guestFiles)) - 1n) << 1n);
      case CSR.hcounteren:
      case CSR.scounteren:
        return value & 0xffffffffn;
      case CSR.henvcfg:
        return value & this.#environmentMask();
      case CSR.hgatp:
        return this.#legalHgatp(value);
      case CSR.vsepc:
      case CSR.sepc:
        return value & ~1n;
      case CSR.vstvec:
      case CSR.stvec:
        return value & ~2n;
      default:
        return value;
    }
  }

  #environmentMask(): bigint {
    const { sstc, svpbmt, svadu } = this.options;
    return 0xf1n | (sstc ? BIT(63) : 0n) | (svpbmt ? BIT(62) : 0n) | (svadu ? BIT(61) : 0n);
  }

  #legalHgatp(value: bigint): bigint {
    const mode = Number(value >> 60n);
    if (mode !== 0 && !this.options.stage2Modes.includes(mode)) return this.#raw(CSR.hgatp);
    const vmid = (value >> 44n) & ((1n << BigInt(this.options.vmidBits)) - 1n);
    return (BigInt(mode) << 60n) | (vmid << 44n) | (value & ((1n << 44n) - 1n) & ~3n);
  }
}
