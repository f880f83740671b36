// SPDX-License-Identifier: Apache-2.0
// The package as it is published works in plain Node, away from this repository; and the README's examples are true.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packFdt } from "../pack.ts";

const README = readFileSync(path.resolve(import.meta.dirname, "../README.md"), "utf8");
const FIXTURE = path.resolve(import.meta.dirname, "../../../tests/fixtures/qemu-virt/plic-1.dtb");

describe("the published package", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "typeone-fdt-"));
  const home = path.join(folder, "node_modules/@typeone/fdt");
  beforeAll(() => {
    mkdirSync(home, { recursive: true });
    packFdt(home);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (code: string): string => {
    writeFileSync(path.join(folder, "try.mjs"), code);
    return execFileSync(process.execPath, ["try.mjs"], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
  };

  it("has code and declarations of all it exports, a licence, and nothing else", () => {
    const files = readdirSync(home, { recursive: true }).map(String);
    expect(files).toEqual(
      expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"]),
    );
    expect(files.filter((file) => /test|(?<!\.d)\.ts$/.test(file))).toEqual([]);
    const manifest = JSON.parse(readFileSync(path.join(home, "package.json"), "utf8")) as Record<string, unknown>;
    expect(manifest["private"]).toBeUndefined();
    expect(manifest["license"]).toBe("Apache-2.0");
  });

  it("reads, prints, parses and writes", () => {
    const out = run(`import { readFileSync } from "node:fs";
      import { parse, parseDts, printDts, serialize } from "@typeone/fdt";
      const tree = parse(readFileSync(${JSON.stringify(FIXTURE)}));
      const again = parseDts(printDts(tree));
      console.log(Buffer.compare(serialize(tree), serialize(again)), tree.get("/cpus").u32("timebase-frequency"));`);
    expect(out).toBe("0 10000000\n");
  });

  it("does what the README says", () => {
    const blocks = [...README.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
    expect(blocks.length).toBeGreaterThan(3);
    for (const file of ["virt.dtb", "more.dtb"]) writeFileSync(path.join(folder, file), readFileSync(FIXTURE));
    const head = `import * as fdt from "@typeone/fdt"; import { readFileSync } from "node:fs"; Object.assign(globalThis, fdt, { readFileSync });\n`;
    const output = blocks.map((block) => run(head + block.replace(/^import .*$/gm, ""))).join("");
    expect(output).toContain("/soc/serial@10000000");
    expect(output).toContain("clocks = <0x01>;");
    expect(output).toContain("board.dts:2:10: there is no node &gone");
  });
});
