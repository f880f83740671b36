// SPDX-License-Identifier: Apache-2.0
// What every rule of ours shares: its shape, and where a file stands in the repository.
// Used by the rules while ESLint loads them; nothing here reads a file.
import path from "node:path";
import type { TSESLint, TSESTree } from "@typescript-eslint/utils";

export type Context<Message extends string> = Readonly<TSESLint.RuleContext<Message, readonly unknown[]>>;
export type Rule<Message extends string = string> = TSESLint.RuleModule<Message, readonly unknown[]>;
export type Listener = TSESLint.RuleListener;
export type Node = TSESTree.Node;

interface Definition<Message extends string> {
  readonly description: string;
  readonly messages: Record<Message, string>;
  create(context: Context<Message>): Listener;
}

/** Makes a rule that has no options and no fixes. */
export function defineRule<Message extends string>(definition: Definition<Message>): Rule<Message> {
  const { description, messages, create } = definition;
  return {
    meta: { type: "problem", docs: { description }, messages, schema: [] },
    defaultOptions: [],
    create,
  };
}

/** The linted file's path relative to the repository, with forward slashes. */
export function repositoryPath(context: Context<string>): string {
  const absolute = path.resolve(context.cwd, context.filename);
  return path.relative(context.cwd, absolute).split(path.sep).join("/");
}

/** The name of a type reference (`Array` of `Array<u8>`), undefined for any other type. */
export function referenceName(type: TSESTree.TypeNode): string | undefined {
  return type.type === "TSTypeReference" && type.typeName.type === "Identifier" ? type.typeName.name : undefined;
}
