// SPDX-License-Identifier: Apache-2.0
// Each rule of ours against code that it must accept and code that it must refuse, with the message that it must give.
import { RuleTester } from "eslint";
import type { Rule } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, it } from "vitest";
import { plugin } from "./index.ts";
import { namesForeignAddress } from "./rules/linear-pointers.ts";

RuleTester.describe = describe;
RuleTester.it = it;
RuleTester.itOnly = it.only;

const tester = new RuleTester({ languageOptions: { parser: tseslint.parser as never } });
const tested = new Set<string>();

interface Wrong {
  readonly code: string;
  readonly says: string | readonly string[];
  readonly filename?: string;
}
type Right = string | { readonly code: string; readonly filename: string };

function check(name: string, valid: readonly Right[], wrong: readonly Wrong[]): void {
  tested.add(name);
  const at = (sample: Right) => (typeof sample === "string" ? { code: sample, filename: "core/guest/a.ts" } : sample);
  tester.run(name, plugin.rules[name] as unknown as Rule.RuleModule, {
    valid: valid.map(at),
    invalid: wrong.map(({ code, says, filename = "core/guest/a.ts" }) => ({
      code,
      filename,
      errors: [says].flat().map((messageId) => ({ messageId })),
    })),
  });
}

check(
  "unmanaged-class",
  ["@unmanaged class A { x: u32 = 0 }", "@unmanaged export class B extends A { y: u64 = 0 }"],
  [
    { code: "class A { x: u32 = 0 }", says: "managed" },
    { code: "@final @unmanaged class A {}", says: "decorator" },
    { code: "@unmanaged class A { @inline f(): void {} }", says: "decorator" },
    { code: "@unmanaged class B extends A { f(): void {} }", says: "override" },
    { code: "@unmanaged class A { static count: u32 = 0 }", says: "staticField" },
    { code: "@unmanaged class A implements I {}", says: "interface" },
  ],
);

check(
  "fixed-width-fields",
  [
    "@unmanaged class A { a: u64 = 0; b: u32 = 0; c: u16 = 0; d: u8 = 0; e: u8 = 0 }",
    "@unmanaged class A { lock: Lock = changetype<Lock>(0); at: usize = 0; gpa: Gpa = 0 }",
  ],
  [
    { code: "@unmanaged class A { a: isize = 0 }", says: "width" },
    { code: "@unmanaged class A { a: f64 = 0 }", says: "width" },
    { code: "@unmanaged class A { a: number = 0 }", says: "width" },
    { code: "@unmanaged class A { a = 0 }", says: "width" },
    { code: "@unmanaged class A { a: u8[] }", says: "width" },
    { code: "@unmanaged class A { a: u32 = 0; b: u64 = 0 }", says: "padding" },
    { code: "@unmanaged class A { a: u64 = 0; b: u32 = 0 }", says: "tail" },
  ],
);

check(
  "no-float",
  ["const a: u32 = 0x1e5;", "const b: u64 = 10 / 3;", "a.Math = 1;"],
  [
    { code: "let a: number;", says: "number" },
    { code: "let a: f64;", says: "name" },
    { code: "const a = <f32>b;", says: "name" },
    { code: "const a = Math.max(b, c);", says: "name" },
    { code: "const a = 1.5;", says: "literal" },
    { code: "const a = 1e3;", says: "literal" },
  ],
);

check(
  "no-gc",
  [
    'print("text");',
    "const table = memory.data<u8>([1, 2]);",
    "export const table: StaticArray<u8> = [1, 2];",
    "function f(): u32 { return a + b; }",
    "print(`text`);",
  ],
  [
    { code: "try { f(); } catch (e) {}", says: "exception" },
    { code: "throw x;", says: "exception" },
    { code: "const a = new Guest();", says: "allocation" },
    { code: "const a = new Array<u8>(4);", says: "allocation" },
    { code: "const a = [1, 2];", says: "literal" },
    { code: "function f(): void { const t: StaticArray<u8> = [1]; }", says: "literal" },
    { code: "const a = { b: 1 };", says: "literal" },
    { code: 'print("a" + b);', says: "text" },
    { code: 'a += "b";', says: "text" },
    { code: "print(`a${b}`);", says: "text" },
    { code: "each(() => {});", says: "closure" },
    { code: "each(function () {});", says: "closure" },
    { code: "function f(): void { function g(): void {} }", says: "closure" },
    { code: "let a: Map<u32, u32>;", says: "type" },
    { code: "function f(a: u8[]): void {}", says: "type" },
    { code: "print(a.toString());", says: "call" },
    { code: "heap.alloc(8);", says: "call" },
    { code: "__new(8, 0);", says: "call" },
  ],
);

check(
  "linear-pointers",
  [
    "load<u32>(ptr + 4);",
    "load<u64>(linearOf(tableHpa));",
    "store<u64>(slot, hpa);",
    "memory.copy(to, from, length);",
    "load<u64>(hpaTable);",
    "memory.fill(owners + <usize>((hpa - bank.hpa) >> SHIFT), 0, 8);",
    "load<u8>(owners + <usize>(hpa >> SHIFT));",
  ],
  [
    { code: "load<u32>(<usize>hva);", says: "foreign" },
    { code: "store<u64>(guest.ramGpa + 8, 1);", says: "foreign" },
    { code: "load<u64>(<usize>(rootHpa - base));", says: "foreign" },
    { code: "memory.copy(ptr, gpaStart as usize, 8);", says: "foreign" },
    { code: "changetype<Guest>(hpa);", says: "foreign" },
  ],
);

check(
  "hardware-imports",
  [{ code: "export declare function wfi(): void;", filename: "core/hw.ts" }, "hw.atomicOr(ptr, 1);"],
  [
    { code: "declare function wfi(): void;", says: "declared" },
    { code: "export declare function wfi(): void;", says: "declared" },
    { code: "declare const x: u32;", says: "declared" },
    { code: "atomic.fence();", says: "atomic" },
    { code: "memory.grow(1);", says: "grow" },
  ],
);

check(
  "shared-state",
  [
    "// @lock queue\nlet a: u32 = 0;",
    "// Written once, per boot.\nexport let a: u32 = 0;",
    "const A: u32 = 1;",
    "const A: u32 = 1;\n// @lock console\nlet a: u32 = 0;\nlet b: u32 = 0;",
    "const table = memory.data<u8>([1]);",
    "function f(): void { let a: u32 = 0; }",
  ],
  [
    { code: "let a: u32 = 0;", says: "unguarded" },
    { code: "// A head without a lock.\nexport let a: u32 = 0, b: u32 = 0;", says: ["unguarded", "unguarded"] },
    { code: "const a: usize = memory.data(64);", says: "unguarded" },
    { code: "let b: u32 = 0;\n// @lock too late\nlet c: u32 = 0;", says: "unguarded" },
  ],
);

check(
  "core-imports",
  [
    'import { now } from "../arch/seam";',
    { code: 'import { MAX_HARTS } from "../limits";', filename: "core/lib/print.ts" },
    {
      code: 'import { CSR } from "./csr"; import { Vcpu } from "../../guest/vcpu";',
      filename: "core/arch/riscv64/trap.ts",
    },
    { code: 'export { now } from "./riscv64/timer";', filename: "core/arch/seam.ts" },
    { code: 'import { Access } from "../mmio/access"; import { A } from "./spec";', filename: "core/dev/rtc.ts" },
    { code: 'import { Guest } from "../../guest/guest";', filename: "core/dev/virtio/queue.ts" },
  ],
  [
    { code: 'import { CSR } from "../arch/riscv64/csr";', says: "seam" },
    { code: 'export * from "../arch/riscv64/csr";', says: "seam" },
    { code: 'import { A } from "../arch/seam.ts";', says: "extension" },
    { code: 'import { csr } from "@typeone/spec";', says: "outside" },
    { code: 'import { A } from "../../packages/spec/src/index";', says: "outside" },
    { code: 'import { A } from "../arm64/a";', filename: "core/arch/riscv64/b.ts", says: "otherArch" },
    { code: 'import * as hw from "../hw";', filename: "core/dev/rtc.ts", says: "layer" },
    { code: 'import { Guest } from "../guest/guest";', filename: "core/dev/rtc.ts", says: "layer" },
    { code: 'import { Guest } from "../guest/guest";', filename: "core/fdt/walk.ts", says: "layer" },
  ],
);

check(
  "exported-signature",
  ["export function f(a: u32, b: u32, c: u32, d: u32): void {}", "function f(a: bool): void {}"],
  [
    { code: "export function f(a: u32, b: u32, c: u32, d: u32, e: u32): void {}", says: "many" },
    { code: "export function f(a: bool): void {}", says: "boolean" },
    { code: "export function f(a: boolean): void {}", says: "boolean" },
    { code: "export function f(a = true): void {}", says: "boolean" },
  ],
);

const SPDX = "// SPDX-License-Identifier: Apache-2.0";
check(
  "file-head",
  [
    `${SPDX}\n// What it is.\nconst A = 1;`,
    `${SPDX}\nexport { A } from "./a";`,
    { code: `${SPDX}\nconst A = 1;`, filename: "core/guest/a.test.ts" },
  ],
  [
    { code: "const A = 1;", says: "license" },
    { code: `\n${SPDX}\n// What it is.\nconst A = 1;`, says: "license" },
    { code: `${SPDX}\nconst A = 1;`, says: "head" },
    { code: `${SPDX}\n\n// Too late.\nconst A = 1;`, says: "head" },
  ],
);

describe("names of addresses", () => {
  it.each(["hpa", "tableHpa", "gpaStart", "HVA_BASE", "hpa2", "faultGva"])("%s is not linear", (name) => {
    expect(namesForeignAddress(name)).toBe(true);
  });
  it.each(["ptr", "hpaTable", "base", "alpha", "gpas", "start"])("%s may be linear", (name) => {
    expect(namesForeignAddress(name)).toBe(false);
  });
});

it("every rule is tested here", () => {
  expect([...tested].sort()).toEqual(Object.keys(plugin.rules).sort());
});
