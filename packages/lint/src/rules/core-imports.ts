// SPDX-License-Identifier: Apache-2.0
// Core: who may see whom. Neutral code reaches an architecture through core/arch/seam.ts alone; a device sees the
// access record, its backend and small data structures, never hardware, guests or where it is mapped. VirtIO and PCI,
// which reach guests' memory and interrupts, are folders of core/dev and see all of core/.
import path from "node:path";
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule, repositoryPath } from "../rule.ts";

/** Folders of core/ with a short list of what they may import; a folder that is absent may import all of core/. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  dev: ["core/dev/", "core/lib/", "core/limits", "core/mmio/access"],
  lib: ["core/lib/", "core/limits", "core/hw", "core/host/hart"],
  fdt: ["core/fdt/", "core/lib/", "core/limits"],
};

/** Whether the file is one of a device that is a folder. */
function isWhole(file: string): boolean {
  return file.startsWith("core/dev/") && file.split("/").length > 3;
}

/** The message for an import of `target` (repository path without extension) from `file`, undefined if allowed. */
function verdict(file: string, target: string): "outside" | "seam" | "otherArch" | "layer" | undefined {
  if (!target.startsWith("core/")) return "outside";
  const [, folder = "", architecture = ""] = file.split("/");
  if (target.startsWith("core/arch/") && target !== "core/arch/seam") {
    if (folder !== "arch") return "seam";
    const fromSeam = file === "core/arch/seam.ts";
    if (!fromSeam && !target.startsWith(`core/arch/${architecture}/`)) return "otherArch";
  }
  const allowed = isWhole(file) ? undefined : ALLOWED[folder];
  return allowed && !allowed.some((prefix) => target.startsWith(prefix)) ? "layer" : undefined;
}

export const coreImports = defineRule({
  description: "the layers of core/",
  messages: {
    outside: "core/ imports nothing outside itself.",
    extension: "asc wants relative imports without extension.",
    seam: "Neutral code imports core/arch/seam only: it must not know which architecture it runs on.",
    otherArch: "One architecture does not import another.",
    layer: "core/{{folder}} may not import {{target}}; it may import {{allowed}}.",
  },
  create(context) {
    const file = repositoryPath(context);
    function check(
      node: TSESTree.ImportDeclaration | TSESTree.ExportAllDeclaration | TSESTree.ExportNamedDeclaration,
    ): void {
      if (!node.source) return;
      const source = node.source.value;
      if (!source.startsWith(".")) return context.report({ node, messageId: "outside" });
      if (/\.[jt]s$/.test(source)) context.report({ node, messageId: "extension" });
      const target = path.posix.join(path.posix.dirname(file), source.replace(/\.[jt]s$/, ""));
      const messageId = verdict(file, target);
      if (messageId === undefined) return;
      const folder = file.split("/")[1] ?? "";
      const allowed = (ALLOWED[folder] ?? []).join(", ");
      context.report({ node, messageId, data: { folder, target, allowed } });
    }
    return { ImportDeclaration: check, ExportAllDeclaration: check, ExportNamedDeclaration: check };
  },
});
