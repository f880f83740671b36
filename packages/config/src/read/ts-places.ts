// SPDX-License-Identifier: Apache-2.0
// Where a setting stands in a TypeScript config, as far as it is written out: object and list literals, calls that wrap
// one (defineSystem), constants of the same file. What is computed is found as far as its nearest written parent.
// The compiler is loaded only here, when a problem needs a place.
import { createRequire } from "node:module";
import type * as TypeScript from "typescript";
import type { Path, Place } from "../problem.ts";
import { nearest } from "./source.ts";

const LOOKS = 32;

export function literalPlaces(file: string, text: string): (path: Path) => Place | undefined {
  const ts = createRequire(import.meta.url)("typescript") as typeof TypeScript;
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const placeOf = (node: TypeScript.Node): Place => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
    return { line: line + 1, column: character + 1 };
  };
  const finder = new Finder(ts, source);
  return (path) => {
    const found = nearest(path, (part) => {
      const node = finder.find(part);
      return node && placeOf(node);
    });
    return found ?? (finder.root && placeOf(finder.root));
  };
}

class Finder {
  readonly #ts: typeof TypeScript;
  readonly #constants = new Map<string, TypeScript.Expression>();
  readonly root: TypeScript.Expression | undefined;

  constructor(ts: typeof TypeScript, source: TypeScript.SourceFile) {
    this.#ts = ts;
    let root: TypeScript.Expression | undefined;
    for (const statement of source.statements) {
      if (ts.isExportAssignment(statement)) root = statement.expression;
      if (!ts.isVariableStatement(statement)) continue;
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name) && initializer) this.#constants.set(name.text, initializer);
      }
    }
    this.root = root;
  }

  /** The key or item at the path. */
  find(path: Path): TypeScript.Node | undefined {
    let value = this.root;
    let node: TypeScript.Node | undefined;
    for (const part of path) {
      const step = value && this.#step(this.#literal(value), part);
      if (!step) return undefined;
      [node, value] = step;
    }
    return node;
  }

  /** Through calls, parentheses, assertions and names to what is written out. */
  #literal(expression: TypeScript.Expression): TypeScript.Expression {
    const ts = this.#ts;
    let at = expression;
    for (let i = 0; i < LOOKS; i++) {
      if (ts.isParenthesizedExpression(at) || ts.isAsExpression(at) || ts.isSatisfiesExpression(at)) at = at.expression;
      else if (ts.isCallExpression(at) && at.arguments[0]) at = at.arguments[0];
      else if (ts.isIdentifier(at) && this.#constants.has(at.text)) at = this.#constants.get(at.text) ?? at;
      else if (ts.isArrowFunction(at) && !ts.isBlock(at.body)) at = at.body;
      else break;
    }
    return at;
  }

  #step(literal: TypeScript.Expression, part: PropertyKey): [TypeScript.Node, TypeScript.Expression] | undefined {
    const ts = this.#ts;
    if (ts.isArrayLiteralExpression(literal)) {
      const element = typeof part === "number" ? literal.elements[part] : undefined;
      const spread = literal.elements.findIndex((item) => ts.isSpreadElement(item));
      const known = spread < 0 || (typeof part === "number" && part < spread);
      return element && known ? [element, element] : undefined;
    }
    if (!ts.isObjectLiteralExpression(literal)) return undefined;
    for (const property of [...literal.properties].reverse()) {
      if (ts.isShorthandPropertyAssignment(property) && property.name.text === part) return [property, property.name];
      if (ts.isSpreadAssignment(property)) {
        const found = this.#step(this.#literal(property.expression), part);
        if (found) return found;
      }
      if (!ts.isPropertyAssignment(property)) continue;
      const { name } = property;
      const key =
        ts.isIdentifier(name) || ts.isStringLiteral(name) || ts.isNumericLiteral(name) ? name.text : undefined;
      if (key === String(part)) return [property, property.initializer];
    }
    return undefined;
  }
}
