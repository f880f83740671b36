// SPDX-License-Identifier: Apache-2.0
// The grammar of xl.cfg: `key = value` lines with numbers, strings and lists, `+=`, `;` between settings, comments with
// #. Answers every setting with its place, and every line that is not one. Knows no key. Never throws.
import type { Place, Problem } from "../problem.ts";

export type XlValue = XlScalar | XlList;
export interface XlScalar extends Required<Place> {
  readonly kind: "number" | "string";
  readonly text: string;
}
export interface XlList extends Required<Place> {
  readonly kind: "list";
  readonly items: readonly XlValue[];
}
export interface XlSetting extends Required<Place> {
  readonly key: string;
  readonly value: XlValue;
}

type Kind = "word" | "number" | "string" | "punctuation" | "newline" | "end";

interface Token extends Required<Place> {
  readonly kind: Kind;
  readonly text: string;
}

class Fault extends Error {
  readonly token: Token;
  readonly fix: string | undefined;

  constructor(token: Token, message: string, fix?: string) {
    super(message);
    this.token = token;
    this.fix = fix;
  }
}

const TOKEN = [
  ["blank", /(?:[ \t\r\f]|\\\r?\n)+/y],
  ["comment", /#[^\n]*/y],
  ["newline", /\n/y],
  ["string", /"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*'/y],
  ["number", /-?(?:0[xX][0-9a-fA-F]+|\d+)(?![A-Za-z_0-9.])/y],
  ["word", /[A-Za-z_][\w.-]*/y],
  ["punctuation", /\+=|[=[\],;]/y],
] as const;

/** The text as tokens; what is none becomes a one-character token that no rule wants. */
function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let [at, line, start] = [0, 1, 0];
  while (at < text.length) {
    let kind: string = "punctuation";
    let matched = text[at] ?? "";
    for (const [name, pattern] of TOKEN) {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      if (found === undefined) continue;
      [kind, matched] = [name, found];
      break;
    }
    if (kind !== "blank" && kind !== "comment") {
      tokens.push({ kind: kind as Kind, text: matched, line, column: at - start + 1 });
    }
    at += matched.length;
    const breaks = matched.split("\n").length - 1;
    if (breaks > 0) [line, start] = [line + breaks, at - (matched.length - matched.lastIndexOf("\n") - 1)];
  }
  tokens.push({ kind: "end", text: "", line, column: at - start + 1 });
  return tokens;
}

/** Nesting of lists; a file cannot make the parser recurse further. */
const MAX_DEPTH = 16;

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  get token(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.token;
    this.#next++;
    return token;
  }

  /** The next token, which must not be where the statement ends. */
  #within(complaint: (token: Token) => Fault): Token {
    const token = this.token;
    if (token.kind === "newline" || token.kind === "end") throw complaint(token);
    return this.take();
  }

  is(text: string): boolean {
    return this.token.kind === "punctuation" && this.token.text === text;
  }

  skipNewlines(): void {
    while (this.token.kind === "newline") this.take();
  }

  #ended(): boolean {
    return this.token.kind === "end";
  }

  /** The key of the statement that is being read. */
  key = "";

  /** To the end of the statement that holds the next token. */
  skipStatement(): void {
    while (this.token.kind !== "newline" && this.token.kind !== "end") this.take();
  }

  setting(): XlSetting & { readonly adds: boolean } {
    this.key = "";
    const key = this.take();
    if (key.kind !== "word") throw new Fault(key, `${show(key)} is not the name of a setting`, "write key = value");
    this.key = key.text;
    const wrong = (at: Token): Fault =>
      new Fault(at, `behind ${key.text} there is ${show(at)}, not =`, `write ${key.text} = …`);
    const operator = this.#within(wrong);
    if (operator.text !== "=" && operator.text !== "+=") throw wrong(operator);
    const value = this.value(0);
    const after = this.token;
    if (after.kind !== "newline" && after.kind !== "end" && !this.is(";")) {
      throw new Fault(
        after,
        `${show(after)} stands behind the value of ${key.text}`,
        "put one setting on a line, or ; between",
      );
    }
    return { key: key.text, value, adds: operator.text === "+=", line: key.line, column: key.column };
  }

  value(depth: number): XlValue {
    const advice = "write a number, a text in quotes, or a list in [ ]";
    const token = this.#within((at) => new Fault(at, `${show(at)} is not a value`, advice));
    const { line, column } = token;
    if (token.kind === "number") return { kind: "number", text: token.text, line, column };
    if (token.kind === "string") return { kind: "string", text: unquote(token.text), line, column };
    if (token.kind === "punctuation" && token.text === "[")
      return { kind: "list", items: this.#items(token, depth), line, column };
    const quote = /^["']/.test(token.text);
    const fix = quote ? `end the text with ${token.text}` : advice;
    throw new Fault(token, quote ? "the text does not end on its line" : `${show(token)} is not a value`, fix);
  }

  #items(open: Token, depth: number): XlValue[] {
    if (depth >= MAX_DEPTH) throw new Fault(open, "lists are nested too deep");
    const items: XlValue[] = [];
    for (;;) {
      this.skipNewlines();
      if (this.#ended()) throw new Fault(open, "the list does not end", "add ]");
      if (this.is("]")) break;
      items.push(this.value(depth + 1));
      this.skipNewlines();
      if (this.is(",")) this.take();
      else if (!this.is("]") && !this.#ended()) {
        throw new Fault(this.token, `${show(this.token)} stands in a list without a comma before it`, "add ,");
      }
    }
    this.take();
    return items;
  }
}

const show = (token: Token): string =>
  token.kind === "end"
    ? "the end of the file"
    : token.kind === "newline"
      ? "the end of the line"
      : token.text.slice(0, 40);

function unquote(text: string): string {
  const width = /^("""|''')/.test(text) && text.length >= 6 ? 3 : 1;
  return text.slice(width, -width);
}

export interface XlFile {
  /** In the order of the file; of one key that stands there twice, the last value. */
  readonly settings: readonly XlSetting[];
  readonly problems: readonly Problem[];
}

export function parseXl(file: string, text: string): XlFile {
  const parser = new Parser(text);
  const settings = new Map<string, XlSetting>();
  const problems: Problem[] = [];
  for (;;) {
    while (parser.token.kind === "newline" || parser.is(";")) parser.take();
    if (parser.token.kind === "end") break;
    try {
      const setting = parser.setting();
      const before = settings.get(setting.key);
      if (before && !setting.adds) {
        const message = `is set twice: line ${before.line} does not count`;
        const place = { line: setting.line, column: setting.column };
        problems.push({
          severity: "warning",
          file,
          ...place,
          path: setting.key,
          message,
          fix: "remove one of the two",
        });
      }
      settings.set(setting.key, setting.adds && before ? joined(before, setting) : setting);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { line, column } = error.token;
      const fix = error.fix === undefined ? {} : { fix: error.fix };
      problems.push({ severity: "error", file, line, column, path: parser.key, message: error.message, ...fix });
      parser.skipStatement();
    }
  }
  return { settings: [...settings.values()], problems };
}

/** `key += value`: lists grow, strings too. */
function joined(before: XlSetting, more: XlSetting): XlSetting {
  const [a, b] = [before.value, more.value];
  if (a.kind === "list")
    return { ...before, value: { ...a, items: [...a.items, ...(b.kind === "list" ? b.items : [b])] } };
  if (b.kind === "list")
    throw new Fault({ ...more, kind: "word", text: more.key }, `${more.key} is no list that could grow`);
  return { ...before, value: { ...a, kind: "string", text: a.text + b.text } };
}
