// SPDX-License-Identifier: Apache-2.0
// The size promises of the design: small files in core/, little runtime/, a short list of hardware imports.
// Called by scripts/check-sizes.ts; pure.

export const LIMITS = {
  coreMedian: 90,
  coreFile: 500,
  runtimeTotal: 1000,
  /** Raising it is a decision to be argued in ARCHITECTURE.md: each import is trusted code. */
  hardwareImports: 48,
} as const;

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Sizes {
  readonly coreFiles: number;
  readonly coreLines: number;
  readonly coreMedian: number;
  readonly coreLargest: { readonly path: string; readonly lines: number };
  readonly runtimeLines: number;
  readonly hardwareImports: number;
}

export const lineCount = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0);

/** The middle value; of an even count the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** Measures the repository's files; tests and their fixtures beside the sources do not count. */
export function measure(files: readonly SourceFile[]): Sizes {
  const core = files
    .filter(({ path }) => /^core\/.*\.ts$/.test(path) && !/\.(test|testing)\.ts$/.test(path))
    .map(({ path, text }) => ({ path, lines: lineCount(text) }));
  const runtime = files.filter(({ path }) => /^runtime\/.*\.(S|c|h)$/.test(path));
  const hardware = files.find(({ path }) => path === "core/hw.ts")?.text ?? "";
  return {
    coreFiles: core.length,
    coreLines: core.reduce((sum, { lines }) => sum + lines, 0),
    coreMedian: median(core.map(({ lines }) => lines)),
    coreLargest: core.reduce((a, b) => (b.lines > a.lines ? b : a), { path: "", lines: 0 }),
    runtimeLines: runtime.reduce((sum, { text }) => sum + lineCount(text), 0),
    hardwareImports: hardware.match(/^export declare function /gm)?.length ?? 0,
  };
}

/** What breaks a promise, one sentence each. */
export function sizeProblems(sizes: Sizes): string[] {
  const problems: string[] = [];
  if (sizes.coreFiles === 0 || sizes.hardwareImports === 0)
    problems.push("core/ or core/hw.ts is empty: wrong folder?");
  if (sizes.coreMedian > LIMITS.coreMedian)
    problems.push(`the median file of core/ is over ${LIMITS.coreMedian} lines`);
  if (sizes.coreLargest.lines > LIMITS.coreFile) {
    problems.push(`${sizes.coreLargest.path} is over ${LIMITS.coreFile} lines`);
  }
  if (sizes.runtimeLines > LIMITS.runtimeTotal) problems.push(`runtime/ is over ${LIMITS.runtimeTotal} lines`);
  if (sizes.hardwareImports > LIMITS.hardwareImports) {
    problems.push(`core/hw.ts declares more than ${LIMITS.hardwareImports} imports`);
  }
  return problems;
}
