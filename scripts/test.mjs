// SPDX-License-Identifier: Apache-2.0
// What `npm test` runs, also on a clean clone where nothing is installed yet: plain JavaScript without dependencies.
// Each step prints one line with its seconds; the first that fails prints its output, is named, and ends the run.
// `npm test -- lint unit` runs those steps only; `npm test -- --list` names them.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";

const REPO = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const LEAST_NODE = 20;
const RESULTS = path.join(REPO, "build/test/vitest.json");
/** How a step that counts its own tests says so, in its last line. */
const COUNTS = /^(\d+) passed, (\d+) failed$/;

const bin = (name) => path.join(REPO, "node_modules/.bin", name);
const tsx = (...args) => [process.execPath, "--import", "tsx", ...args];

/** Whether node_modules holds other packages than package-lock.json asks for; npm keeps a lock of its own beside them. */
function dependenciesStale() {
  const installed = path.join(REPO, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return true;
  const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const present = packagesOf(installed);
  return Object.entries(packagesOf(path.join(REPO, "package-lock.json"))).some(
    ([key, { version, optional, devOptional }]) =>
      key !== "" && !optional && !devOptional && present[key]?.version !== version,
  );
}

/** Runs a command in the repository; answers its exit code and output. With `live` the output is also shown as it comes. */
function run([program, ...args], live) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: REPO, stdio: ["ignore", "pipe", "pipe"], env: process.env });
    let output = "";
    const take = (chunk) => {
      output += chunk;
      // The line of counts is ours to print, once, at the end.
      if (live) process.stdout.write(String(chunk).replace(/^\d+ passed, \d+ failed\n/gm, ""));
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", (error) => resolve({ code: 127, output: `${output}${program}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Counts of the unit tests from vitest's own report. */
function vitestCounts() {
  if (!existsSync(RESULTS)) return undefined;
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(RESULTS, "utf8"));
  return { passed: numPassedTests, failed: numFailedTests };
}

/** Counts that a step printed as its last line. */
function printedCounts(output) {
  const match = COUNTS.exec(output.trimEnd().split("\n").at(-1) ?? "");
  return match ? { passed: Number(match[1]), failed: Number(match[2]) } : undefined;
}

const STEPS = [
  {
    name: "packages",
    title: "npm ci",
    skip: () => !dependenciesStale(),
    command: ["npm", "ci", "--no-audit", "--no-fund"],
  },
  { name: "tools", title: "QEMU, cross compiler, dtc", command: tsx("scripts/tools.ts") },
  {
    name: "generated",
    title: "generated files match the tables",
    command: tsx("packages/spec/src/generate.ts", "--check"),
  },
  { name: "format", title: "Prettier", command: [bin("prettier"), "--check", "--log-level", "warn", "."] },
  { name: "lint", title: "ESLint", command: [bin("eslint"), "--max-warnings", "0", "."] },
  { name: "types", title: "tsc: packages, tests, scripts", command: [bin("tsc"), "-p", "."] },
  { name: "types-core", title: "tsc: core and guests", command: [bin("tsc"), "-p", "core"] },
  { name: "repository", title: "licence lines, no machine paths", command: tsx("scripts/check-repo.ts") },
  { name: "build", title: "build the hypervisor", command: tsx("scripts/build.ts") },
  { name: "sizes", title: "sizes and imports", show: true, command: tsx("scripts/check-sizes.ts") },
  { name: "no-fp", title: "no floating point in the image", command: tsx("scripts/check-no-fp.ts") },
  { name: "no-alloc", title: "no allocation on trap paths", command: tsx("scripts/check-wat.ts") },
  {
    name: "unit",
    title: "unit tests and the simulated machine",
    live: true,
    before: () => rmSync(RESULTS, { force: true }),
    command: [bin("vitest"), "run", "--reporter=dot", "--reporter=json", `--outputFile.json=${RESULTS}`],
    counts: vitestCounts,
  },
  {
    name: "qemu",
    title: "the image on QEMU",
    live: true,
    skip: () => !existsSync(path.join(REPO, "tests/qemu/run.ts")),
    command: tsx("tests/qemu/run.ts"),
    counts: printedCounts,
  },
  {
    name: "user",
    title: "typeone as a person uses it, in terminals; the README's tour",
    live: true,
    command: tsx("tests/user/run.ts"),
    counts: printedCounts,
  },
  {
    name: "soak",
    title: "guests come and go, toolstacks die, for a minute; every counter is what it was",
    command: tsx("tests/soak/run.ts", "short"),
  },
];

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** Runs one step; answers its counts, where a step without tests of its own counts as one. */
async function runStep(step) {
  const start = Date.now();
  if (step.live) console.log(`… ${step.name}: ${step.title}`);
  step.before?.();
  const { code, output } = await run(step.command, step.live === true);
  if (step.show || (code !== 0 && !step.live)) process.stdout.write(output);
  const own = step.counts?.(output);
  const ok = code === 0 && (own?.failed ?? 0) === 0;
  console.log(`${ok ? "✓" : "✗"} ${step.name.padEnd(12)} ${seconds(start).padStart(8)}  ${step.title}`);
  if (!own) return { ok, passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
  return { ok, passed: own.passed, failed: ok ? 0 : Math.max(own.failed, 1) };
}

async function main(wanted) {
  if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
    console.error(`Node ${LEAST_NODE} or newer is needed; this is ${process.versions.node}`);
    return 1;
  }
  if (wanted.includes("--list")) {
    for (const { name, title } of STEPS) console.log(`${name.padEnd(12)} ${title}`);
    return 0;
  }
  const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(", ")}; they are: ${STEPS.map((step) => step.name).join(", ")}`);
    return 1;
  }
  mkdirSync(path.dirname(RESULTS), { recursive: true });
  const start = Date.now();
  const sum = { passed: 0, failed: 0 };
  let failing;
  for (const step of STEPS) {
    if ((wanted.length > 0 && !wanted.includes(step.name)) || step.skip?.()) continue;
    const result = await runStep(step);
    sum.passed += result.passed;
    sum.failed += result.failed;
    if (result.ok) continue;
    failing = step.name;
    break;
  }
  console.log(failing ? `\nstopped at ${failing} after ${seconds(start)}` : `\nall steps passed in ${seconds(start)}`);
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return failing ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
