// SPDX-License-Identifier: Apache-2.0
import { compileAssemblyScript } from "@typeone/toolchain";
import { describe, expect, it } from "vitest";
import { pathTo, readGraph } from "./call-graph.ts";

const WAT = `(module
 (table $0 3 3 funcref)
 (elem $0 (i32.const 1) $core/b $core/c)
 (export "trap" (func $core/trap))
 (export "boot" (func $core/boot))
 (export "direct" (func $core/direct))
 (func $core/trap (param $0 i32)
  local.get $0
  call_indirect (type $none)
 )
 (func $core/b
  nop
 )
 (func $core/c
  i32.const 1
  call $core/d
  drop
 )
 (func $core/d (result i32)
  (call $~lib/rt/stub/__alloc (i32.const 8))
 )
 (func $core/boot
  (call $~lib/rt/stub/__alloc (i32.const 8))
 )
 (func $core/direct
  (call $core/b)
 )
)`;

describe("call graph", () => {
  const graph = readGraph(WAT);

  it("follows indirect calls through the table", () => {
    expect(pathTo(graph, "trap", /__alloc/)).toEqual(["$core/trap", "$core/c", "$core/d", "$~lib/rt/stub/__alloc"]);
  });
  it("does not invent calls", () => {
    expect(pathTo(graph, "direct", /__alloc/)).toBeUndefined();
    expect(pathTo(graph, "direct", /core\/b/)).toEqual(["$core/direct", "$core/b"]);
  });
  it("refuses an export that is not there", () => {
    expect(() => pathTo(graph, "secondary", /x/)).toThrow("secondary");
  });
  it("reads what the compiler really writes", async () => {
    const { wat } = await compileAssemblyScript({ entry: "packages/lint/fixtures/allocation.ts" });
    const real = readGraph(wat);
    expect(pathTo(real, "allocates", /__alloc|__new/)).toBeDefined();
    expect(pathTo(real, "indirect", /__alloc|__new/)).toBeDefined();
    expect(pathTo(real, "clean", /__alloc|__new/)).toBeUndefined();
  });
});
