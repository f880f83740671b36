// SPDX-License-Identifier: Apache-2.0
// The tables against sources that are not ours: the CSR numbers that the GNU assembler knows, names that the SBI spells
// in ASCII, and the shape that fields must have.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { generated } from "./generate.ts";
import { csr, dev, irq, sbi } from "./index.ts";
import { literal, render } from "./render.ts";
import { bit, field, group, i64, placed, plain, u32 } from "./row.ts";

const CROSS = process.env["TYPEONE_CROSS"] ?? "riscv64-linux-gnu-";
const hasAssembler = spawnSync(`${CROSS}as`, ["--version"]).status === 0;

/** CSR numbers by name, as the assembler encodes them. */
function assembledNumbers(names: readonly string[]): number[] {
  const dir = mkdtempSync(path.join(tmpdir(), "typeone-spec-"));
  try {
    const source = path.join(dir, "csr.S");
    writeFileSync(source, names.map((name) => `csrr a0, ${name}\n`).join(""));
    const object = path.join(dir, "csr.o");
    execFileSync(`${CROSS}as`, ["-march=rv64gch_smaia_ssaia_smstateen_sstc_sscofpmf", "-o", object, source]);
    const binary = path.join(dir, "csr.bin");
    execFileSync(`${CROSS}objcopy`, ["-O", "binary", "-j", ".text", object, binary]);
    const words = execFileSync("od", ["-An", "-v", "-tx4", "-w4", binary], { encoding: "utf8" }).trim().split(/\s+/);
    return words.map((word) => Number.parseInt(word, 16) >>> 20);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("CSR numbers", () => {
  // Newer than the oldest supported assembler, or of extensions that it does not know.
  const unknown = /^CSR_(SCOUNTINHIBIT|SIREG[2-6]|SEED|V(START|XSAT|XRM|CSR|L|TYPE|LENB))$/;
  const rows = Object.entries(csr).filter(([name]) => name.startsWith("CSR_") && !unknown.test(name));

  it.runIf(hasAssembler)("are those that the assembler encodes", () => {
    const numbers = assembledNumbers(rows.map(([name]) => name.slice("CSR_".length).toLowerCase()));
    expect(Object.fromEntries(rows.map(([name], index) => [name, numbers[index]]))).toEqual(Object.fromEntries(rows));
    expect(rows.length).toBeGreaterThan(90);
  });
});

describe("SBI", () => {
  it.each([
    ["TIME", sbi.SBI_EXT_TIME],
    ["sPI", sbi.SBI_EXT_IPI],
    ["RFNC", sbi.SBI_EXT_RFENCE],
    ["HSM", sbi.SBI_EXT_HSM],
    ["SRST", sbi.SBI_EXT_SRST],
    ["PMU", sbi.SBI_EXT_PMU],
    ["DBCN", sbi.SBI_EXT_DBCN],
    ["SUSP", sbi.SBI_EXT_SUSP],
    ["CPPC", sbi.SBI_EXT_CPPC],
    ["NACL", sbi.SBI_EXT_NACL],
    ["STA", sbi.SBI_EXT_STA],
    ["SSE", sbi.SBI_EXT_SSE],
    ["FWFT", sbi.SBI_EXT_FWFT],
    ["DBTR", sbi.SBI_EXT_DBTR],
    ["MPXY", sbi.SBI_EXT_MPXY],
  ])("extension %s spells its name", (name, id) => {
    expect(id).toBe(BigInt(`0x${Buffer.from(name, "ascii").toString("hex")}`));
  });

  it("errors are distinct and end at -14", () => {
    const errors = Object.entries(sbi).filter(([name]) => name.startsWith("SBI_ERR_"));
    expect(new Set(errors.map(([, value]) => value)).size).toBe(errors.length);
    expect(errors.map(([, value]) => value)).toEqual(errors.map((_, index) => -1n - BigInt(index)));
  });
});

describe("fields", () => {
  const shifts = Object.entries(csr).filter(([name]) => name.endsWith("_SHIFT"));

  it.each(shifts)("%s points at the lowest bit of its mask", (name, shift) => {
    const mask = (csr as Record<string, bigint | number>)[name.replace(/_SHIFT$/, "_MASK")];
    if (mask === undefined) return;
    expect((BigInt(mask) >> BigInt(shift)) & 1n).toBe(1n);
    expect(BigInt(mask) & ((1n << BigInt(shift)) - 1n)).toBe(0n);
  });

  it("the fields of hstatus and of sstatus do not overlap", () => {
    for (const prefix of ["HSTATUS", "SSTATUS"]) {
      const whole = new RegExp(`^${prefix}_([A-Z]+|[A-Z]+_MASK)$`);
      const fields = Object.entries(csr).filter(
        ([name]) => whole.test(name) && !/_(OFF|INITIAL|CLEAN|DIRTY)$/.test(name),
      );
      let seen = 0n;
      for (const [name, value] of fields) {
        expect(seen & BigInt(value), name).toBe(0n);
        seen |= BigInt(value);
      }
      expect(fields.length).toBeGreaterThan(8);
    }
  });

  it("leave known numbers where the specifications put them", () => {
    expect(csr.HSTATUS_SPV | csr.HSTATUS_SPVP | csr.HSTATUS_VTW | csr.HSTATUS_VSXL_64).toBe(0x2_0020_0180n);
    expect(csr.HGATP_MODE_SV39X4).toBe(0x8000_0000_0000_0000n);
    expect(csr.HENVCFG_STCE | csr.HENVCFG_PBMTE | csr.HENVCFG_ADUE).toBe(0xe000_0000_0000_0000n);
    expect([irq.PLIC_CONTEXT, irq.APLIC_IDC, irq.APLIC_SETIPNUM, irq.IMSIC_EIE0]).toEqual([
      0x200000,
      0x4000,
      0x1cdc,
      0xc0n,
    ]);
    expect([dev.UART_LSR_THRE | dev.UART_LSR_TEMT, dev.RTC_CLEAR_INTERRUPT]).toEqual([0x60, 0x1c]);
  });
});

describe("generator", () => {
  it("writes rows as AssemblyScript constants with their comment", () => {
    const text = render({
      title: "A title.",
      tables: "a.ts",
      groups: [group("Group", { A: u32(16, "first"), B: i64(-1, "second"), C: plain(12, "third") })],
    });
    expect(text).toContain("// ---- Group\nexport const A: u32 = 0x10; // first\n");
    expect(text).toContain("export const B: i64 = -1; // second\nexport const C: u64 = 12; // third\n");
  });
  it("places bits", () => {
    const rows = [bit(63, ""), field(17, 12, ""), placed(2, 32, "")];
    expect(rows.map(literal)).toEqual(["0x8000000000000000", "0x3f000", "0x200000000"]);
  });
  it("refuses a name that comes twice", () => {
    const one = group("One", { A: u32(1, "") });
    expect(() => render({ title: "", tables: "", groups: [one, one] })).toThrow("A is in the tables twice");
  });
  it("makes the constants of the core and the protocol's codecs", () => {
    const files = [...generated().keys()];
    expect(files).toEqual(
      expect.arrayContaining(["core/arch/riscv64/csr.ts", "core/trace/spec.ts", "packages/protocol/src/generated.ts"]),
    );
    expect(files.every((file) => /^(core|packages)\/.*\.ts$/.test(file))).toBe(true);
  });
});
