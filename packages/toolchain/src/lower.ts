// SPDX-License-Identifier: Apache-2.0
// From a wasm module to C that can stand alone on the metal: runs wabt's wasm2c, then replaces its hosted prelude,
// memory and table representation by those of runtime/wasm.h. Every rewrite counts its matches and fails loudly if
// wasm2c's output no longer has the shape that it expects.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { REPO } from "./asc.ts";
import { temperature } from "./hot.ts";
import { packSegments } from "./pack-data.ts";
import { typeScriptName } from "./symbols.ts";

const run = promisify(execFile);

/** Lowers `wasm` to one C translation unit's text; `name` becomes part of its symbols (w2c_NAME_…). */
export async function wasmToC(wasm: Uint8Array, name: string): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), "typeone-lower-"));
  try {
    const input = path.join(dir, `${name}.wasm`);
    const output = path.join(dir, `${name}.c`);
    await writeFile(input, wasm);
    await run(process.execPath, [path.join(REPO, "node_modules/wabt/bin/wasm2c"), input, "-n", name, "-o", output]);
    return lower(await readFile(output, "utf8"), await readFile(path.join(dir, `${name}.h`), "utf8"), name);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The text transformation by itself, over wasm2c's `.c` and `.h`. */
export function lower(source: string, header: string, name: string): string {
  const instance = cut(header, `typedef struct w2c_${name} {`, `} w2c_${name};`);
  const imports = [...header.matchAll(/^\/\* import: .*\n(.*;)$/gm)].map((match) => match[1] ?? "");
  const body = withoutHostedParts(source, name);
  return [
    "/* Made from TypeScript by packages/toolchain. */",
    [...instance.matchAll(/struct w2c_\w+\* w2c_(\w+)_instance;/g)]
      .map((match) => `struct w2c_${match[1]};`)
      .join("\n"),
    instance.replace("wasm_rt_memory_t w2c_memory;", "").replaceAll("wasm_rt_funcref_table_t", "function_table"),
    imports.map((prototype) => `static ${prototype}`).join("\n"),
    temperatures(inStandaloneTerms(body, name), name),
    startFunction(source, name),
    // A module without tables or data has no such functions; the shim calls them all the same.
    ...["init_tables", "init_memories", "init_globals"]
      .filter((part) => !body.includes(`void ${part}(`))
      .map((part) => `static void ${part}(w2c_${name}* instance) {}`),
  ].join("\n");
}

/** Drops wasm2c's prelude and the instantiate/free/get_func_type functions, which the shim does in its own way. */
function withoutHostedParts(source: string, name: string): string {
  const start = source.search(new RegExp(`^static [^\\n]*\\(w2c_${name}\\*`, "m"));
  if (start < 0) throw new Error("wasm2c's output has no function declarations where they were expected");
  const instantiate = source.indexOf("static void init_instance_import(");
  const queries = source.indexOf(`wasm_rt_func_type_t wasm2c_${name}_get_func_type(`);
  const functions = source.indexOf("\n}\n", queries) + 3;
  if (instantiate < 0 || queries < 0)
    throw new Error("wasm2c's output has no instantiate section where it was expected");
  return withoutSegue(source.slice(start, instantiate) + source.slice(functions)).replace(
    /^\/\* export: 'memory' \*\/\n[\s\S]*?^}\n/m,
    "",
  );
}

/** `run_start`: calls the module's start function, if it has one, as instantiation would. */
function startFunction(source: string, name: string): string {
  const instantiate = source.slice(source.indexOf(`void wasm2c_${name}_instantiate(`));
  const start = instantiate.slice(0, instantiate.indexOf("\n}\n")).match(/^ {2}(w2c_\w+)\(instance\);/m)?.[1];
  return `static void run_start(w2c_${name}* instance) {${start ? ` ${start}(instance); ` : ""}}`;
}

/** Gives every function of the core its attribute (hot.ts); payloads are all of one temperature. */
function temperatures(body: string, name: string): string {
  if (name !== "core") return body;
  return body.replace(
    /^(static [^\n=]*?(w2c_core_\w+)\(w2c_core\*[^\n]*\));$/gm,
    (_line, prototype: string, symbol: string) => {
      return `${temperature(typeScriptName(symbol))} ${prototype};`;
    },
  );
}

/** Drops the conditional blocks for x86 segment registers. */
function withoutSegue(text: string): string {
  const kept: string[] = [];
  let depth = 0;
  for (const line of text.split("\n")) {
    if (depth > 0) depth += line.startsWith("#if") ? 1 : line.startsWith("#endif") ? -1 : 0;
    else if (line.startsWith("#if WASM_RT_USE_SEGUE_FOR_THIS_MODULE")) depth = 1;
    else kept.push(line);
  }
  return kept.join("\n");
}

/** Rewrites memory and table accesses into runtime/wasm.h's terms. */
function inStandaloneTerms(body: string, name: string): string {
  let text = body
    .replace(/(\w+_default32)\(&instance->w2c_memory, \(u64\)\(/g, "$1(AT(")
    .replace(/memory_fill(?:_default32)?\(&instance->w2c_memory, /g, "memory_fill_default32(0, ")
    .replace(
      /memory_copy(?:_default32)?\(&instance->w2c_memory, &instance->w2c_memory, /g,
      "memory_copy_default32(0, 0, ",
    )
    .replace(/^\s*wasm_rt_allocate_memory\([^\n]*\n/gm, "")
    .replace(/LOAD_DATA\(instance->w2c_memory, /g, "LOAD_DATA(0, ")
    .replace(
      /CALL_INDIRECT\(([^,]+), (\w+ \(\*\)\([^)]*\)), (\w+), (\w+), [^,()]+, /g,
      "CALL_INDIRECT($1, $2, $3, $4, instance, ",
    )
    .replace(
      /CALL_INDIRECT\(([^,]+), (\w+ \(\*\)\([^)]*\)), (\w+), (\w+), [^,()]+\)/g,
      "CALL_INDIRECT($1, $2, $3, $4, instance)",
    );
  text = text.replace(
    /static const wasm_elem_segment_expr_t (\w+)\[\] = \{\n([\s\S]*?)\};/g,
    (_all, id: string, rows: string) => {
      const slots = rows.replace(
        /\{RefFunc, (\w+), \(wasm_rt_function_ptr_t\)(\w+), \{NULL\}, 0\}/g,
        "{$1, (any_function)$2}",
      );
      return `static const table_slot ${id}[] = {\n${slots}};`;
    },
  );
  text = text
    .replace(
      /^\s*wasm_rt_allocate_funcref_table\(&([^,]+), (\d+), \d+\);/gm,
      '  $1.size = $2;\n  _Static_assert($2 <= TABLE_SLOTS, "raise TABLE_SLOTS in runtime/wasm.h");',
    )
    .replace(
      /^\s*funcref_table_init\(&([^,]+), (\w+), (\d+), (\d+)u, 0, (\d+), instance\);/gm,
      "  for (u32 i = 0; i < $3; i++) $1.data[$4 + i] = $2[i];",
    );
  const left = text.match(/w2c_memory\b|wasm_rt_\w+/);
  if (left)
    throw new Error(`wasm2c's output has a form that lower.ts does not know: ${contextOf(text, left[0])} (${name})`);
  return packSegments(text);
}

function cut(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  if (start < 0 || end < 0) throw new Error(`wasm2c's header has no '${from}'`);
  return text.slice(start, end + to.length);
}

function contextOf(text: string, part: string): string {
  const at = text.indexOf(part);
  return text.slice(text.lastIndexOf("\n", at) + 1, text.indexOf("\n", at)).trim();
}
