// SPDX-License-Identifier: Apache-2.0
// Builds guest payloads: guests/NAME/main.ts → wasm → C → one ELF and one flat Linux-style Image in build/guests.
// Called by the QEMU tests and the benches; `tsx tests/qemu/payload.ts [NAME…]` builds by hand (all without names).
// A payload whose inputs did not change is not built again.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CFLAGS, compileAssemblyScript, REPO, tool, wasmToC } from "@typeone/toolchain";

/** Where a payload's wasm linear memory starts, in guest-physical addresses; runtime/payload.ld leaves it room. */
const LINEAR_BASE = "0x80400000";
const OUT = path.join(REPO, "build/guests");

export interface Payload {
  readonly name: string;
  readonly elf: string;
  /** Flat Linux-style Image: loads 2 MiB into RAM. */
  readonly image: string;
}

/** Every payload there is. */
export async function payloadNames(): Promise<string[]> {
  const entries = await readdir(path.join(REPO, "guests"));
  return entries.filter((name) => existsSync(path.join(REPO, "guests", name, "main.ts"))).sort();
}

/** Builds one payload if it is out of date; rejects with the failing tool's own words. */
export async function buildPayload(name: string): Promise<Payload> {
  await mkdir(OUT, { recursive: true });
  const at = (extension: string): string => path.join(OUT, `${name}.${extension}`);
  const payload = { name, elf: at("elf"), image: at("bin") };
  const inputs = await hashInputs(name);
  if (existsSync(payload.image) && (await readFile(at("stamp"), "utf8").catch(() => "")) === inputs) return payload;
  const { wasm } = await compileAssemblyScript({ entry: `guests/${name}/main.ts`, outDir: OUT, name });
  const source = await wasmToC(wasm, "guest");
  await writeFile(at("c"), source);
  const runtime = path.join(REPO, "guests/runtime");
  const defines = [
    `-DLINEAR_BASE=${LINEAR_BASE}`,
    `-DGENERATED="${at("c")}"`,
    ...(/\binit_tables\(/.test(source) ? ["-DHAS_TABLES"] : []),
    ...(/\binit_data_instances\(/.test(source) ? ["-DHAS_DATA"] : []),
  ];
  await tool("gcc", [...CFLAGS, ...defines, `-I${runtime}`, "-c", path.join(runtime, "shim.c"), "-o", at("shim.o")]);
  await tool("gcc", [...CFLAGS, `-I${runtime}`, "-c", path.join(runtime, "start.S"), "-o", at("start.o")]);
  const script = path.join(runtime, "payload.ld");
  const link = ["-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-T", script];
  await tool("gcc", [...CFLAGS, ...link, "-o", at("elf"), at("start.o"), at("shim.o")]);
  await tool("objcopy", ["-O", "binary", at("elf"), at("bin")]);
  await writeFile(at("stamp"), inputs);
  return payload;
}

/** Builds several, one after the other. */
export async function buildPayloads(names: readonly string[]): Promise<Map<string, Payload>> {
  const built = new Map<string, Payload>();
  for (const name of new Set(names)) built.set(name, await buildPayload(name));
  return built;
}

async function hashInputs(name: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([CFLAGS, LINEAR_BASE]));
  const files = [
    "runtime/wasm.h",
    "runtime/bytes.h",
    "packages/toolchain/src/asc.ts",
    "packages/toolchain/src/lower.ts",
    "core/arch/riscv64/csr.ts",
    "core/arch/riscv64/sbi-spec.ts",
    "core/arch/riscv64/irq/spec.ts",
    "core/dev/spec.ts",
  ];
  for (const folder of [`guests/${name}`, "guests/lib", "guests/runtime"]) {
    for (const file of (await readdir(path.join(REPO, folder))).sort()) files.push(`${folder}/${file}`);
  }
  for (const file of files) hash.update(file).update(await readFile(path.join(REPO, file)));
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const built = await buildPayloads(names.length > 0 ? names : await payloadNames());
  for (const payload of built.values()) console.log(path.relative(REPO, payload.image));
}
