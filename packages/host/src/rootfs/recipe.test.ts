// SPDX-License-Identifier: Apache-2.0
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RECIPE_DIR, readRecipe, recipeText } from "./recipe.ts";
import { parseRecipe } from "./recipe-text.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
  await cp(RECIPE_DIR, dir, { recursive: true });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("the recipe", () => {
  it("is read whole, and its scripts are there", async () => {
    const recipe = await readRecipe();
    expect(recipe.packages).toContain("systemd-sysv");
    for (const name of ["init.sh", "configure.sh", "settings.sh"]) expect(recipeText(recipe, name)).toContain("SPDX");
  });

  it("has a hash that any file changes, but not where it lies nor what it says to people", async () => {
    const { hash } = await readRecipe();
    expect((await readRecipe(dir)).hash).toBe(hash);
    await writeFile(path.join(dir, "NOTES.md"), "words");
    await appendFile(path.join(dir, "image.yaml"), "\n# a remark\n");
    expect((await readRecipe(dir)).hash).toBe(hash);
    await writeFile(path.join(dir, "root/etc/motd"), "hello\n");
    const other = (await readRecipe(dir)).hash;
    expect(other).not.toBe(hash);
    await rm(path.join(dir, "root/etc/motd"));
    await writeFile(
      path.join(dir, "image.yaml"),
      (await readFile(path.join(dir, "image.yaml"), "utf8")).replace("1536", "2048"),
    );
    expect((await readRecipe(dir)).hash).not.toBe(hash);
  });

  it("is refused with the place and the reason", async () => {
    await writeFile(path.join(dir, "image.yaml"), "label: 3\n");
    await expect(readRecipe(dir)).rejects.toThrow(/image\.yaml: [^]*label/);
  });
});

describe("parseRecipe", () => {
  it("refuses a word that it does not know and a package name that is an option", () => {
    const good =
      "label: a\nsizeMiB: 512\npackages: [apt]\ntools: []\nexclude: []\nmodules: []\nalways: []\nramdisk: {load: [], carry: []}\n";
    expect(parseRecipe(good).sizeMiB).toBe(512);
    expect(() => parseRecipe(`${good}more: 1\n`)).toThrow("more");
    expect(() => parseRecipe(good.replace("[apt]", '["--force"]'))).toThrow("is not a package name");
  });
});
