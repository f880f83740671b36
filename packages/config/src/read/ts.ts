// SPDX-License-Identifier: Apache-2.0
// A typeone.config.ts: a module whose default export is the system. It is bundled in memory and run, so that it works in
// any folder, whatever module system that has, and finds "@typeone/config" from everywhere. Positions come from its
// syntax (ts-places.ts), only when there is something to point at.
import { SourceMap, type SourceMapPayload } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build, type BuildFailure, type BuildOptions } from "esbuild";
import type { Path, Place } from "../problem.ts";
import { kindOf, type Reading, type TextFile, unreadable } from "./source.ts";
import { literalPlaces } from "./ts-places.ts";

const FIX = "end the file with: export default defineSystem({ host: { … }, guests: [ … ] })";
const SCHEME = "data:text/javascript;base64,";

export async function readTs({ file, text }: TextFile): Promise<Reading> {
  const absolute = path.resolve(file);
  let bundle: Bundle;
  try {
    bundle = await bundleOf(absolute);
  } catch (error) {
    return unbuilt(file, error);
  }
  let data: unknown;
  try {
    const module = (await import(SCHEME + Buffer.from(bundle.code).toString("base64"))) as { default?: unknown };
    const value = module.default;
    data = typeof value === "function" ? await (value as () => unknown)() : await value;
  } catch (error) {
    return failed(file, bundle, error);
  }
  if (data === undefined) return unreadable(file, "has no default export", { fix: FIX });
  let places: ((path: Path) => Place | undefined) | undefined;
  const locate = (of: Path): Place | undefined => (places ??= literalPlaces(absolute, text))(of);
  return { source: { file, kind: kindOf(data), data, locate }, problems: [] };
}

interface Bundle {
  readonly absolute: string;
  readonly code: string;
  readonly map: SourceMapPayload;
}

async function bundleOf(absolute: string): Promise<Bundle> {
  const url = JSON.stringify(pathToFileURL(absolute).href);
  const options = {
    entryPoints: [absolute],
    absWorkingDir: path.dirname(absolute),
    outfile: "config.mjs",
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "external",
    logLevel: "silent",
    // The config decides nothing about how it is compiled.
    tsconfigRaw: {},
    alias: { "@typeone/config": path.resolve(import.meta.dirname, "../define.ts") },
    banner: { js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(${url});` },
    define: {
      "import.meta.url": url,
      "import.meta.filename": JSON.stringify(absolute),
      "import.meta.dirname": JSON.stringify(path.dirname(absolute)),
    },
  } satisfies BuildOptions;
  const { outputFiles } = await build(options);
  const [map, code] = [".map", ".mjs"].map(
    (end) => outputFiles.find((output) => output.path.endsWith(end))?.text ?? "",
  );
  return { absolute, code: code ?? "", map: JSON.parse(map ?? "{}") as SourceMapPayload };
}

/** What esbuild has against the file: all of it, each at its line. */
function unbuilt(file: string, error: unknown): Reading {
  const errors = (error as Partial<BuildFailure>).errors ?? [];
  if (errors.length === 0) return unreadable(file, error instanceof Error ? error.message : String(error));
  return {
    problems: errors.map(({ text, location }) => {
      const message = text.replace(/^Could not resolve "(.*)"$/, "imports $1, which is not there");
      const fix = message === text ? {} : { fix: "check the name, or install the package beside the config" };
      const folder = path.dirname(path.resolve(file));
      const named = location && path.resolve(folder, location.file) !== path.resolve(file) ? location.file : file;
      const place = location ? { line: location.line, column: location.column + 1 } : {};
      return { severity: "error", file: named, path: "", message, ...fix, ...place } as const;
    }),
  };
}

/** What the config threw, at the line of its own that was running. */
function failed(file: string, bundle: Bundle, error: unknown): Reading {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: "" };
  const frame = (stack ?? "").split("\n").find((line) => line.includes(SCHEME));
  const at = /:(\d+):(\d+)\)?$/.exec(frame ?? "");
  const entry = at && new SourceMap(bundle.map).findEntry(Number(at[1]) - 1, Number(at[2]) - 1);
  const inFile = entry && "originalSource" in entry && entry.originalSource.endsWith(path.basename(bundle.absolute));
  const place = inFile ? { line: entry.originalLine + 1, column: entry.originalColumn + 1 } : {};
  return unreadable(file, `fails when it is run: ${message.split("\n")[0] ?? ""}`, place);
}
