// SPDX-License-Identifier: Apache-2.0
// Device tree source as characters: blanks and comments, numbers, texts, expressions, and errors that know their line.
// Used by dts-parse.ts. Linear in the text; nesting is bounded.
import { FdtError } from "./error.ts";

/** A place in source, from 1. */
export interface DtsPlace {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a source, and where. */
export class DtsError extends FdtError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The message without the place. */
  readonly reason: string;

  constructor(reason: string, file: string, place: DtsPlace) {
    super(`${file}:${place.line}:${place.column}: ${reason}`);
    this.name = "DtsError";
    this.reason = reason;
    this.file = file;
    this.line = place.line;
    this.column = place.column;
  }
}

const BLANK = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const LINE_MARKER = /# ?(?:line)?[ \t]+\d+[ \t]+"[^"\n]*"[^\n]*/y;
const NUMBER = /(0[xX][0-9a-fA-F]+|[0-9]+)(?:ULL|UL|LL|U|L)?(?![0-9A-Za-z_])/y;
const TEXT = /"((?:[^\\"]|\\[\s\S])*)"/y;
const CHARACTER = /'((?:[^\\'\n]|\\.)[^'\n]*)'/y;
const MAX_NESTING = 64;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const truth = (value: boolean): bigint => (value ? 1n : 0n);

const PLAIN_ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

type Operator = (a: bigint, b: bigint) => bigint;

/** Binary operators by how tightly they bind, loosest first; longer spellings before their beginnings. */
const OPERATORS: readonly Readonly<Record<string, Operator>>[] = [
  { "||": (a, b) => truth(a !== 0n || b !== 0n) },
  { "&&": (a, b) => truth(a !== 0n && b !== 0n) },
  { "|": (a, b) => a | b },
  { "^": (a, b) => a ^ b },
  { "&": (a, b) => a & b },
  { "==": (a, b) => truth(a === b), "!=": (a, b) => truth(a !== b) },
  {
    "<=": (a, b) => truth(a <= b),
    ">=": (a, b) => truth(a >= b),
    "<": (a, b) => truth(a < b),
    ">": (a, b) => truth(a > b),
  },
  { "<<": (a, b) => (b < 64n ? a << b : 0n), ">>": (a, b) => (b < 64n ? a >> b : 0n) },
  { "+": (a, b) => a + b, "-": (a, b) => a - b },
  { "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b },
];
/** What looks like an operator but is the beginning of a longer one. */
const LONGER = /\|\||&&|<<|>>|<=|>=/y;

export class Scanner {
  readonly #text: string;
  readonly #file: string;
  readonly #lineStarts: number[] = [0];
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
    this.skipBlanks();
  }

  get offset(): number {
    return this.#at;
  }

  get ended(): boolean {
    return this.#at >= this.#text.length;
  }

  place(offset = this.#at): DtsPlace {
    let [low, high] = [0, this.#lineStarts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  fail(reason: string, offset = this.#at): never {
    throw new DtsError(reason, this.#file, this.place(offset));
  }

  /** What stands here, for messages. */
  get here(): string {
    if (this.ended) return "the end of the file";
    return JSON.stringify(/[\w#/&,.-]+|[\s\S]/y.exec(this.#text.slice(this.#at, this.#at + 40))?.[0] ?? "");
  }

  skipBlanks(): void {
    for (;;) {
      const atLineStart = this.#at === 0 || this.#text[this.#at - 1] === "\n";
      const skipped = this.#match(BLANK) ?? (atLineStart ? this.#match(LINE_MARKER) : undefined);
      if (skipped === undefined) break;
    }
    if (this.#text.startsWith("/*", this.#at)) this.fail("the comment does not end");
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found) this.#at += found[0].length;
    return found;
  }

  /** Takes what the sticky pattern matches here, and the blanks behind it. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const found = this.#match(pattern);
    if (found) this.skipBlanks();
    return found;
  }

  /** As take, but leaves the blanks. */
  takeBare(pattern: RegExp): RegExpExecArray | undefined {
    return this.#match(pattern);
  }

  is(word: string): boolean {
    return this.#text.startsWith(word, this.#at);
  }

  accept(word: string): boolean {
    if (!this.is(word)) return false;
    this.#at += word.length;
    this.skipBlanks();
    return true;
  }

  expect(word: string, where: string): void {
    if (!this.accept(word)) this.fail(`expected ${word} ${where}, not ${this.here}`);
  }

  // ---- Numbers.

  /** A literal, a character, or an expression in parentheses; undefined if none stands here. */
  number(depth = 0): bigint | undefined {
    const start = this.#at;
    if (this.is("(")) {
      if (depth > MAX_NESTING) this.fail("the expression is nested too deep");
      this.accept("(");
      const value = this.#ternary(depth + 1);
      this.expect(")", "behind the expression");
      return value;
    }
    const literal = this.take(NUMBER)?.[1];
    if (literal !== undefined) return this.#literal(literal, start);
    const character = this.take(CHARACTER)?.[1];
    if (character === undefined) return undefined;
    const bytes = this.#unescape(character, start);
    if (bytes.length !== 1) this.fail("a character in quotes must be one byte", start);
    return BigInt(bytes[0] ?? 0);
  }

  #literal(text: string, start: number): bigint {
    const octal = /^0[0-9]+$/.test(text);
    if (octal && /[89]/.test(text)) this.fail(`${text} begins with 0, so it is octal, but has a digit above 7`, start);
    const value = BigInt(octal ? `0o${text.slice(1)}` : text);
    if (value > MAX_U64) this.fail(`${text} does not fit 64 bits`, start);
    return value;
  }

  #ternary(depth: number): bigint {
    const condition = this.#binary(0, depth);
    if (!this.accept("?")) return condition;
    if (depth > MAX_NESTING) this.fail("the expression is nested too deep");
    const yes = this.#ternary(depth + 1);
    this.expect(":", "in the expression");
    const no = this.#ternary(depth + 1);
    return condition !== 0n ? yes : no;
  }

  #binary(level: number, depth: number): bigint {
    const operators = OPERATORS[level];
    if (operators === undefined) return this.#unary(depth);
    let value = this.#binary(level + 1, depth);
    for (;;) {
      const start = this.#at;
      const symbol = Object.keys(operators).find((candidate) => this.#isOperator(candidate));
      const operate = symbol === undefined ? undefined : operators[symbol];
      if (symbol === undefined || operate === undefined) return value;
      this.accept(symbol);
      const right = this.#binary(level + 1, depth);
      if ((symbol === "/" || symbol === "%") && right === 0n) this.fail("division by zero", start);
      value = u64(operate(value, right));
    }
  }

  #isOperator(symbol: string): boolean {
    LONGER.lastIndex = this.#at;
    const longer = LONGER.exec(this.#text)?.[0];
    return longer === undefined ? this.is(symbol) : longer === symbol;
  }

  #unary(depth: number): bigint {
    if (depth > MAX_NESTING) this.fail("the expression is nested too deep");
    if (this.accept("-")) return u64(-this.#unary(depth + 1));
    if (this.accept("~")) return u64(~this.#unary(depth + 1));
    if (this.is("!") && !this.is("!=") && this.accept("!")) return truth(this.#unary(depth + 1) === 0n);
    return this.number(depth) ?? this.fail(`expected a number, not ${this.here}`);
  }

  // ---- Texts.

  /** The bytes of a text in quotes, without a NUL; undefined if none stands here. */
  text(): Uint8Array | undefined {
    const start = this.#at;
    if (!this.is('"')) return undefined;
    const inner = this.take(TEXT)?.[1];
    return inner === undefined ? this.fail("the text does not end", start) : this.#unescape(inner, start);
  }

  #unescape(inner: string, start: number): Uint8Array {
    const parts: (string | number)[] = [];
    const piece = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))|[^\\]+/g;
    for (const [whole, hex, octal, other] of inner.matchAll(piece)) {
      if (hex !== undefined) parts.push(parseInt(hex, 16));
      else if (octal !== undefined) parts.push(parseInt(octal, 8) & 0xff);
      else if (other === "x") this.fail("\\x wants hexadecimal digits", start);
      else if (other !== undefined) parts.push(PLAIN_ESCAPES[other] ?? other);
      else parts.push(whole);
    }
    const encoder = new TextEncoder();
    return Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...encoder.encode(part)])));
  }
}
