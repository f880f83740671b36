// SPDX-License-Identifier: Apache-2.0
// Names of functions as TypeScript knows them, and the table that the image carries.
import { expect, it } from "vitest";
import { symbolTable, typeScriptName } from "./symbols.ts";

it("undoes wasm2c's mangling", () => {
  expect(typeScriptName("w2c_core_core0x2Fguest0x2Frun0x2FrunHart_0")).toBe("core/guest/run/runHart");
  expect(typeScriptName("wrap_w2c_core_core0x2Fmgmt0x2Fterminal0x2FterminalRun_0")).toBe(
    "core/mgmt/terminal/terminalRun",
  );
  expect(typeScriptName("w2c_core_core0x2Fhost0x2Fboot0x2Fbanner_0.isra.0")).toBe("core/host/boot/banner");
  expect(typeScriptName("copy_bytes")).toBe("copy_bytes");
});

it("writes functions by address, each name as what differs from the one before", () => {
  const nm = [
    "ffffffc000000000 T _image_start",
    "ffffffc000000100 T boot",
    "ffffffc000000100 t alias",
    "ffffffc000000180 t w2c_core_core0x2Fa0x2Fone_0",
    "ffffffc0000001f0 t w2c_core_core0x2Fa0x2Fother_0",
    "ffffffc000000200 T _text_end",
    "ffffffc000000300 r data",
  ].join("\n");
  expect(symbolTable(nm)).toBe(
    [
      "_symbols:",
      '.uleb128 256\n.byte 0\n.asciz "boot"',
      '.uleb128 128\n.byte 0\n.asciz "core/a/one"',
      '.uleb128 112\n.byte 8\n.asciz "ther"',
      "",
    ].join("\n"),
  );
});
