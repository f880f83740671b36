// SPDX-License-Identifier: Apache-2.0
// Writes the JSON Schemas for editors into schema/; a test tells when they are stale. Run: npm run schema -w packages/config
import { writeFileSync } from "node:fs";
import path from "node:path";
import { jsonSchema } from "./schema.ts";

export const SCHEMA_FOLDER = path.resolve(import.meta.dirname, "../schema");

/** File names and contents. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const text = (of: "system" | "guest"): string => `${JSON.stringify(jsonSchema(of), null, 2)}\n`;
  return new Map([
    ["system.schema.json", text("system")],
    ["guest.schema.json", text("guest")],
  ]);
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of schemaFiles()) writeFileSync(path.join(SCHEMA_FOLDER, name), text);
}
