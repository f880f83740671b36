// SPDX-License-Identifier: Apache-2.0
// The text files that are in the repository or would be after `git add`: what checks look at, so that build results and
// downloads never count. Without git (an unpacked archive) the folders themselves are read.
import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

export const REPO = path.resolve(import.meta.dirname, "../..");
const SKIPPED = /(^|\/)(node_modules|build|\.cache|coverage|\.git)\//;

async function names(folders: readonly string[]): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", ...folders];
  try {
    const { stdout } = await promisify(execFile)("git", args, { cwd: REPO, maxBuffer: 1 << 26 });
    return stdout.split("\0").filter(Boolean);
  } catch {
    const roots = folders.length > 0 ? folders : ["."];
    const found = await Promise.all(
      roots.map(async (root) => {
        const entries = await readdir(path.join(REPO, root), { recursive: true, withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile())
          .map((entry) => path.relative(REPO, path.join(entry.parentPath, entry.name)));
      }),
    );
    return found.flat().filter((name) => !SKIPPED.test(name));
  }
}

/** Path and text of each text file below `folders` (all of the repository when empty). */
export async function trackedFiles(folders: readonly string[] = []): Promise<{ path: string; text: string }[]> {
  const files = await Promise.all(
    (await names(folders)).sort().map(async (name) => {
      // A file that git knows may have been deleted in the work tree.
      const bytes = await readFile(path.join(REPO, name)).catch(() => null);
      return bytes === null || bytes.includes(0) ? null : { path: name, text: bytes.toString("utf8") };
    }),
  );
  return files.filter((file) => file !== null);
}
