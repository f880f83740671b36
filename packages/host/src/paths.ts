// SPDX-License-Identifier: Apache-2.0
// Where the workstation tools keep things inside the repository: downloads and generated guest images in `.cache`,
// build results in `build`. Both are ignored by git and safe to delete.
import path from "node:path";

export const REPO_ROOT = path.resolve(import.meta.dirname, "../../..");
export const CACHE_DIR = path.join(REPO_ROOT, ".cache");
export const BUILD_DIR = path.join(REPO_ROOT, "build");
