// SPDX-License-Identifier: Apache-2.0
// The form of guests/debian/image.yaml: what may stand there, checked, with messages for whoever wrote it. Called by
// recipe.ts.
import { parse } from "yaml";
import { z } from "zod";

const names = z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "is not a package name"));
const Schema = z.strictObject({
  label: z.string().regex(/^[\w-]{1,16}$/),
  sizeMiB: z.int().min(256).max(65536),
  packages: names.min(1),
  tools: names,
  exclude: z.array(z.string()),
  modules: z.array(z.string()),
  always: z.array(z.string()),
  ramdisk: z.strictObject({ load: z.array(z.string()), carry: z.array(z.string()) }),
});

export type RecipeText = z.infer<typeof Schema>;

/** The recipe as the file says it; throws an Error whose message names what is wrong and where. */
export function parseRecipe(text: string): RecipeText {
  const result = Schema.safeParse(parse(text));
  if (result.success) return result.data;
  throw new Error(z.prettifyError(result.error));
}
