// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { CsrFile, type CsrOptions } from "./csr-file.ts";
import { CSR } from "./csr.ts";
import { CoreFault } from "./faults.ts";

const OPTIONS: CsrOptions = {
  hypervisor: true,
  sstc: true,
  svadu: false,
  svpbmt: false,
  smstateen: false,
  vmidBits: 7,
  stage2Modes: [8, 9],
  guestFiles: 0,
};

function make(change: Partial<CsrOptions> = {}) {
  const clock = { now: 100n };
  return { csrs: new CsrFile({ ...OPTIONS, ...change }, () => clock.now), clock };
}

describe("CSR file", () => {
  it("keeps hgatp when a mode does not exist, and cuts VMIDs to the width of the hart", () => {
    const { csrs } = make();
    csrs.write(CSR.hgatp, (8n << 60n) | (0x3fffn << 44n) | 0x80007n);
    expect(csrs.read(CSR.hgatp)).toBe((8n << 60n) | (0x7fn << 44n) | 0x80004n);
    csrs.write(CSR.hgatp, 10n << 60n);
    expect(csrs.read(CSR.hgatp) >> 60n).toBe(8n);
    csrs.write(CSR.hgatp, 0n);
    expect(csrs.read(CSR.hgatp)).toBe(0n);
  });

  it("lacks what the host lacks", () => {
    const { csrs } = make({ sstc: false });
    expect(() => csrs.read(CSR.stimecmp)).toThrow(CoreFault);
    csrs.write(CSR.henvcfg, (1n << 64n) - 1n);
    expect(csrs.read(CSR.henvcfg)).toBe(0xf1n);
    expect(() => csrs.read(CSR.stopei)).toThrow(CoreFault);
    expect(make({ hypervisor: false }).csrs.exists(CSR.hgatp)).toBe(false);
    expect(() => csrs.write(CSR.time, 1n)).toThrow(CoreFault);
  });

  it("delegates only what can be delegated", () => {
    const { csrs } = make();
    csrs.write(CSR.hedeleg, (1n << 64n) - 1n);
    csrs.write(CSR.hideleg, (1n << 64n) - 1n);
    expect(csrs.read(CSR.hedeleg)).toBe(0xb1ffn);
    expect(csrs.read(CSR.hideleg)).toBe(0x444n);
  });

  it("shows one pending bit through hvip, hip and vsip, shifted and only when delegated", () => {
    const { csrs } = make();
    csrs.write(CSR.hvip, 0x444n);
    expect(csrs.read(CSR.hip)).toBe(0x444n);
    expect(csrs.read(CSR.vsip)).toBe(0n);
    csrs.write(CSR.hideleg, 0x444n);
    expect(csrs.read(CSR.vsip)).toBe(0x222n);
    csrs.write(CSR.vsip, 0n);
    expect(csrs.read(CSR.hvip)).toBe(0x440n);
    csrs.write(CSR.vsie, 0x222n);
    expect([csrs.read(CSR.hie), csrs.read(CSR.sie)]).toEqual([0x444n, 0n]);
    csrs.write(CSR.sie, 0xfffn);
    expect([csrs.read(CSR.hie), csrs.read(CSR.sie)]).toEqual([0x444n, 0x222n]);
  });

  it("raises timers by comparison: stimecmp with time, vstimecmp with time + htimedelta under henvcfg.STCE", () => {
    const { csrs, clock } = make();
    csrs.write(CSR.stimecmp, 150n);
    csrs.write(CSR.vstimecmp, 30n);
    csrs.write(CSR.htimedelta, BigInt.asUintN(64, -100n));
    expect(csrs.pending()).toBe(0n);
    clock.now = 150n;
    expect(csrs.pending()).toBe(1n << 5n);
    csrs.write(CSR.henvcfg, 1n << 63n);
    expect(csrs.pending()).toBe((1n << 5n) | (1n << 6n));
    csrs.write(CSR.vstimecmp, 51n);
    expect(csrs.pending()).toBe(1n << 5n);
  });

  it("computes SD, fixes VSXL, and drops bits that no guest setting can have", () => {
    const { csrs } = make();
    csrs.write(CSR.vsstatus, (1n << 64n) - 1n);
    expect(csrs.read(CSR.vsstatus)).toBe((1n << 63n) | (2n << 32n) | 0xc6762n);
    csrs.write(CSR.hstatus, (1n << 64n) - 1n);
    expect(csrs.read(CSR.hstatus)).toBe((2n << 32n) | 0x7003c0n);
  });
});
