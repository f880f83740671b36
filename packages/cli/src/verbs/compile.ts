// SPDX-License-Identifier: Apache-2.0
// `typeone compile FILE`: a configuration as the device tree that the hypervisor reads, or the schema for editors.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { usageError } from "../errors.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { readGuest, readSystem, systemFile } from "../system-file.ts";
import { defineVerb } from "../verb.ts";

type Form = "dts" | "dtb";

export default defineVerb({
  args: {
    file: {
      type: "positional",
      required: false,
      description: "configuration: .ts, .yaml, .json, .toml, .cfg, .dts, .dtb",
    },
    guest: {
      type: "string",
      alias: "g",
      valueHint: "NAME",
      description: "only this guest, as a create request carries it",
    },
    output: { type: "string", alias: "o", valueHint: "FILE", description: "write a .dts or .dtb file" },
    format: {
      type: "enum",
      alias: "f",
      options: ["dts", "dtb"],
      valueHint: "FORM",
      description: "dts or dtb (default: by FILE's end, dts)",
    },
    "json-schema": { type: "boolean", description: "the JSON Schema of a configuration (with --guest: of one guest)" },
  },
  output: "file",
  completes: { file: "file", output: "file" },
  examples: [
    ["compile typeone.config.ts", "the tree as source"],
    ["compile web.cfg -o web.dtb", "an xl.cfg as a blob"],
    ["compile --json-schema > schema.json", "for an editor"],
  ],
  async run(args, context) {
    const { file, guest, output } = args;
    const config = await import("@typeone/config");
    if (args["json-schema"]) return printJson(context, config.jsonSchema(guest === undefined ? "system" : "guest"));
    const ending = output === undefined ? "" : path.extname(output).slice(1);
    if (args.format === undefined && output !== undefined && ending !== "dts" && ending !== "dtb")
      throw usageError(`${output}: is it to be source or a blob?`, "let it end with .dts or .dtb, or add --format");
    const form = (args.format ?? (ending || "dts")) as Form;
    const source = await systemFile(context, file);
    const tree =
      guest === undefined ? await readSystem(context, source) : await readGuest(context, { file: source, name: guest });
    const { serialize } = await import("@typeone/fdt");
    const text = () => ("host" in tree ? config.compileSystemDts(tree) : config.compileGuestDts(tree));
    const blob = () => ("host" in tree ? serialize(config.compileSystem(tree)) : config.compileGuest(tree));
    if (output === undefined) {
      if (form === "dts") return printLine(context, text().trimEnd());
      if (context.stdout.isTTY) throw usageError("a blob does not go to a terminal", "say where to: -o FILE.dtb");
      return void context.stdout.write(blob());
    }
    await writeFile(path.resolve(context.cwd, output), form === "dts" ? text() : blob());
    remark(context, `wrote ${output}`);
  },
});
