// SPDX-License-Identifier: Apache-2.0
// Random device tree source for tests against dtc: expressions, and programs that define nodes over each other, refer
// to them, label and delete them. Some are wrong on purpose: then both readers must refuse.
import fc from "fast-check";

const literal = fc.oneof(
  fc.nat(20).map(String),
  fc.bigInt(0n, 0xffff_ffff_ffff_ffffn).map((value) => `0x${value.toString(16)}`),
  fc.nat(511).map((value) => `0${value.toString(8)}`),
  fc.constantFrom("'a'", "'\\n'", "'\\x7f'", "1ULL", "2U"),
);
const OPERATORS = ["+", "-", "*", "/", "%", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "|", "^", "&&", "||"];

/** An expression as it stands inside parentheses. */
export const anyExpression: fc.Arbitrary<string> = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    literal,
    fc.tuple(tie("expression"), fc.constantFrom(...OPERATORS), tie("expression")).map((parts) => parts.join(" ")),
    fc.tuple(fc.constantFrom("-", "~", "!"), literal).map((parts) => parts.join("")),
    tie("expression").map((inner) => `(${inner})`),
    fc.tuple(literal, tie("expression"), literal).map(([a, b, c]) => `${a} ? ${b} : ${c}`),
  ),
})).expression;

const name = fc.constantFrom("a", "b", "c", "n@1", "cpus");
const label = fc.constantFrom("r", "s", "t", "u", "l");
/** Mostly to what BASE has. */
const reference = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("&l", "&m", "&{/a}", "&{/}", "&{/x/m@1}") },
  { weight: 1, arbitrary: fc.constantFrom("&r", "&s", "&{/a/b}", "&{/x/m}", "&{/x/l/}") },
);
const BASE = "/ { a { }; x { l: l { p; }; m: m@1 { q = <1>; }; }; };";
const value = fc.oneof(
  fc.array(fc.oneof(fc.nat(255).map(String), reference), { maxLength: 3 }).map((list) => `<${list.join(" ")}>`),
  reference,
  fc.constantFrom('"x"', "[0102]", '"x", "y"', "/bits/ 16 <1 2>", '<1>, "z"'),
);
const property = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom("p", "q", "r", "reg"), value).map(([of, is]) => `${of} = ${is};`) },
  { weight: 2, arbitrary: fc.constantFrom("p;", "q;", "/delete-property/ p;", "/delete-property/ q;") },
  { weight: 1, arbitrary: fc.constantFrom("phandle = <1>;", "phandle = <5>;", "phandle = <&l>;") },
);
const unique = <T>(of: fc.Arbitrary<T>, key: (item: T) => unknown, most: number) =>
  fc.uniqueArray(of, { maxLength: most, selector: key });
const properties = unique(property, (text) => text.replace(/[ =;].*$/, text.startsWith("/") ? text : ""), 3);

const { body } = fc.letrec<{ body: string; node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    name.map((of) => `/delete-node/ ${of};`),
    fc
      .tuple(fc.option(label, { freq: 3 }), fc.constantFrom("", "", "", "/omit-if-no-ref/ "), name, tie("body"))
      .map(([of, omit, called, inside]) => `${omit}${of === null ? "" : `${of}: `}${called} ${inside};`),
  ),
  body: fc
    .tuple(
      properties,
      unique(tie("node"), (text) => /(\S+) \{|node\/ (\S+);/.exec(text)?.slice(1).join(""), 3),
    )
    .map(([own, children]) => `{ ${[...own, ...children].join(" ")} }`),
}));

const statement = fc.oneof(
  { weight: 4, arbitrary: body.map((inside) => `/ ${inside};`) },
  { weight: 2, arbitrary: fc.tuple(reference, body).map(([to, inside]) => `${to} ${inside};`) },
  { weight: 1, arbitrary: fc.constantFrom("l", "m", "r").map((of) => `/delete-node/ &${of};`) },
);

/** A whole source. */
export const anyProgram: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("first", "last"), body, fc.array(statement, { maxLength: 3 }))
  .map(([place, own, more]) => {
    const first = `/ ${own};`;
    return ["/dts-v1/;", ...(place === "first" ? [BASE, first] : [first, BASE]), ...more].join("\n");
  });
