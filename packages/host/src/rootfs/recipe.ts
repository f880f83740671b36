// SPDX-License-Identifier: Apache-2.0
// The image's recipe: guests/debian/image.yaml and the scripts and settings beside it, read, checked and hashed. What is
// in the hash decides whether an image in the cache is the one that is wanted. Called by image.ts.
import { createHash } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { StepError, messageOf } from "../errors.ts";
import { REPO_ROOT } from "../paths.ts";
import type { RecipeText } from "./recipe-text.ts";

export const RECIPE_DIR = path.join(REPO_ROOT, "guests/debian");

const TEXT = "image.yaml";

/** Counts up when this folder's code makes another image of the same recipe. */
const MAKER = 1;

/** "base" is what a guest needs; "tools" has the programs of tests and measurements too. */
export type ImageKind = "base" | "tools";

export interface Recipe extends RecipeText {
  readonly dir: string;
  /** Files of the recipe's folder by path, all that go into the image or make it. */
  readonly files: ReadonlyMap<string, { readonly data: Buffer; readonly mode: number }>;
  /** Of everything above. */
  readonly hash: string;
}

async function filesBelow(dir: string): Promise<Map<string, { data: Buffer; mode: number }>> {
  const found = new Map<string, { data: Buffer; mode: number }>();
  for (const name of await readdir(dir, { recursive: true })) {
    const full = path.join(dir, name);
    const info = await stat(full);
    if (!info.isFile() || name.endsWith(".md")) continue;
    found.set(name, { data: await readFile(full), mode: (info.mode & 0o100) === 0 ? 0o644 : 0o755 });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A hash over parts, each with its length: no two lists of parts give the same bytes. */
export function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

export async function readRecipe(dir = RECIPE_DIR): Promise<Recipe> {
  const step = "read the image's recipe";
  try {
    const files = await filesBelow(dir);
    // Loaded only here: a schema library takes its time, and most commands read no recipe.
    const { parseRecipe } = await import("./recipe-text.ts");
    const recipe = parseRecipe(files.get(TEXT)?.data.toString() ?? "");
    // What the text says counts, not how it is laid out.
    const others = [...files].filter(([name]) => name !== TEXT);
    const parts = others.flatMap(([name, { data, mode }]) => [name, `${mode}`, data]);
    return { ...recipe, dir, files, hash: hashOf([String(MAKER), JSON.stringify(recipe), ...parts]) };
  } catch (error) {
    throw new StepError({ step, why: `${path.join(dir, TEXT)}: ${messageOf(error)}` });
  }
}

/** A file of the recipe's folder that must be there. */
export function recipeText(recipe: Recipe, name: string): string {
  const file = recipe.files.get(name);
  if (!file) throw new StepError({ step: "read the image's recipe", why: `${path.join(recipe.dir, name)} is missing` });
  return file.data.toString();
}
