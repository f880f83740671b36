// SPDX-License-Identifier: Apache-2.0
// Entry of every `npm run` verb. Plain JavaScript without dependencies, because it runs on a clean clone: it checks Node,
// installs the npm packages when they are missing or not those of the lock file, then hands over to the CLI in this
// same process (so that signals and the terminal need no relaying).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const LEAST_NODE = 20;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

function die(why, fix) {
  process.stderr.write(`typeone: ${why}\n  fix: ${fix}\n`);
  process.exit(1);
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds what package-lock.json asks for: npm keeps a lock of its own beside the packages. */
function packagesAreCurrent() {
  const wanted = readLock("package-lock.json");
  const present = readLock("node_modules/.package-lock.json");
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(
    ([key, entry]) => key === "" || entry.optional || entry.devOptional || present[key]?.version === entry.version,
  );
}

function installPackages() {
  const start = Date.now();
  process.stderr.write("… install npm packages (npm ci)\n");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (npm.error) die("npm is not on this machine", "install npm (Debian: apt-get install npm) and try again");
  if (npm.status !== 0)
    die("npm ci failed; its messages are above", "check the network and the npm registry, then run: npm ci");
  process.stderr.write(`✓ install npm packages  ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
}

if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  die(`Node ${process.versions.node} is too old`, `install Node ${LEAST_NODE} or newer`);
}
if (!packagesAreCurrent()) installPackages();
const { register } = await import("tsx/esm/api");
register();
await import(pathToFileURL(path.join(root, "packages/cli/src/main.ts")).href);
