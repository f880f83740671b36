// SPDX-License-Identifier: Apache-2.0
// From what zod finds to what a person reads: the setting by name, what is wrong with it, what to write instead.
import { z } from "zod";
import { type Path, pathText, type Place, type Problem } from "./problem.ts";
import { suggest } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/** How findings about a file's settings become problems: its name, positions and own words. */
export interface Reporter {
  readonly file: string;
  locate(path: Path): Place | undefined;
  nameOf?(path: Path): string | undefined;
  readonly write?: (key: string, values: readonly string[]) => string | undefined;
}

export const MISSING = "is missing";

export type Finding = Pick<Problem, "severity" | "message"> & { readonly fix?: string | undefined };

/** One problem about one setting. */
export function report(reporter: Reporter, path: Path, { severity, message, fix }: Finding): Problem {
  const name = reporter.nameOf?.(path) ?? pathText(path);
  return {
    severity,
    file: reporter.file,
    ...reporter.locate(path),
    path: name,
    message,
    ...(fix === undefined ? {} : { fix }),
  };
}

/** All problems of a failed parse. `schema` is what the data was parsed with; it knows examples and allowed keys. */
export function problemsOf(error: z.ZodError, schema: z.ZodType, reporter: Reporter): Problem[] {
  return error.issues.flatMap(closer).flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const known = keysOf(schemaAt(schema, issue.path));
      return issue.keys.map((key) => report(reporter, [...issue.path, key], unknownKey(key, known)));
    }
    return [
      report(reporter, issue.path, { severity: "error", ...explain(issue, schemaAt(schema, issue.path), reporter) }),
    ];
  });
}

/** Of a setting with several forms: what is wrong with the one that was meant, by its kind; else the issue itself. */
function closer(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const ofOtherKind = (form: readonly Issue[]): boolean =>
    form.some(({ code, path }) => path.length === 0 && (code === "invalid_type" || code === "invalid_union"));
  const meant = issue.errors.filter((form) => !ofOtherKind(form));
  if (meant.length !== 1) return [issue];
  return (meant[0] ?? []).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(closer);
}

/** A setting that nobody knows. */
export function unknownKey(key: string, known: readonly string[]): Finding {
  const meant = suggest(key, known);
  const fix = meant === undefined ? `remove it; the settings here are ${known.join(", ")}` : `did you mean "${meant}"?`;
  return { severity: "error", message: `there is no setting "${key}"`, fix };
}

interface Explanation {
  readonly message: string;
  readonly fix?: string | undefined;
}

function explain(issue: Issue, schema: z.ZodType | undefined, reporter: Reporter): Explanation {
  const example = exampleOf(schema, issue.path.at(-1), reporter);
  const input: unknown = issue.input;
  switch (issue.code) {
    case "invalid_type":
    case "invalid_union":
      if (input === undefined) return { message: MISSING, fix: example };
      return { message: `must be ${wanted(issue, schema)}, not ${show(input)}`, fix: example };
    case "invalid_value": {
      if (input === undefined) return { message: MISSING, fix: example };
      const words = issue.values.map(String);
      const meant = typeof input === "string" ? suggest(input, words) : undefined;
      const fix = meant === undefined ? `write one of ${words.join(", ")}` : `did you mean "${meant}"?`;
      return { message: `must be one of ${words.join(", ")}, not ${show(input)}`, fix };
    }
    case "too_small":
    case "too_big":
      return { fix: example, ...outOfRange(issue, schema) };
    case "invalid_format":
      return { message: `${show(input)} will not do: ${issue.message}`, fix: example };
    case "invalid_key":
      return { message: `${show(input)} will not do: ${issue.issues[0]?.message ?? "it is no name"}` };
    case "custom":
      return { message: issue.message, fix: fixIn(issue.params) ?? example };
    default:
      return { message: issue.message, fix: example };
  }
}

function fixIn(params: unknown): string | undefined {
  const fix = typeof params === "object" && params !== null ? (params as { fix?: unknown }).fix : undefined;
  return typeof fix === "string" ? fix : undefined;
}

function outOfRange(
  issue: Extract<Issue, { code: "too_small" | "too_big" }>,
  schema: z.ZodType | undefined,
): Explanation {
  if (issue.origin === "string") return { message: "must not be empty" };
  const count = Array.isArray(issue.input) ? issue.input.length : undefined;
  if (count !== undefined) {
    return issue.code === "too_big"
      ? { message: `${count} are too many: the limit is ${String(issue.maximum)}`, fix: "remove some" }
      : { message: "must not be empty" };
  }
  const { least, most } = limitsOf(schema);
  const range = least !== undefined && most !== undefined ? `${least} to ${most}` : undefined;
  return {
    message: `${show(issue.input)} is out of range`,
    fix: range === undefined ? issue.message : `write ${range}`,
  };
}

function wanted(issue: Issue, schema: z.ZodType | undefined): string {
  if (issue.code === "invalid_union") {
    const kinds = unionKinds(bare(schema));
    return kinds.length === 0 ? "something else" : kinds.join(" or ");
  }
  const expected = issue.code === "invalid_type" ? issue.expected : "";
  return KINDS[expected] ?? expected;
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a group of settings",
};

function unionKinds(schema: z.ZodType | undefined): string[] {
  const union = schema instanceof z.ZodPipe ? bare(schema.in as z.ZodType) : schema;
  if (!(union instanceof z.ZodUnion)) return [];
  return union.options.map((option) => {
    const kind = innermost(option as z.ZodType).def.type;
    return KINDS[kind] ?? kind;
  });
}

/** A value as it would be written, cut to a readable length. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

// ---- Looking into the schema.

/** The schema without optional, default and the like around it. */
function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault) {
    at = at.unwrap() as z.ZodType;
  }
  return at;
}

/** What is read first of a chain of forms: the text of a short form. */
function innermost(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodPipe ? innermost(schema.in as z.ZodType) : schema;
}

/** The group of settings that a setting with several forms has as its long form. */
function group(schema: z.ZodType | undefined): z.ZodType | undefined {
  const inner = bare(schema);
  if (inner instanceof z.ZodPipe && innermost(inner) instanceof z.ZodObject) return innermost(inner);
  if (!(inner instanceof z.ZodUnion)) return inner;
  return (
    inner.options.map((option) => group(option as z.ZodType)).find((option) => option instanceof z.ZodObject) ?? inner
  );
}

/** The schema of the setting at `path`. */
function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let at: z.ZodType | undefined = schema;
  for (const part of path) {
    const inner = group(at);
    if (inner instanceof z.ZodObject) at = (inner.shape as Record<string, z.ZodType>)[String(part)];
    else if (inner instanceof z.ZodArray) at = inner.element as z.ZodType;
    else if (inner instanceof z.ZodRecord) at = inner.valueType as z.ZodType;
    else return at;
  }
  return at;
}

export function keysOf(schema: z.ZodType | undefined): string[] {
  const inner = group(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape).filter((key) => key !== "$schema") : [];
}

function exampleOf(
  schema: z.ZodType | undefined,
  key: PropertyKey | undefined,
  reporter: Reporter,
): string | undefined {
  const examples = schema?.meta()?.["examples"];
  if (!Array.isArray(examples) || examples.length === 0 || typeof key !== "string") return undefined;
  const texts = examples.map((example) => JSON.stringify(example));
  const written = reporter.write ? reporter.write(key, texts) : `${key}: ${texts.join(" or ")}`;
  return written === undefined ? undefined : `write for example ${written}`;
}

function limitsOf(schema: z.ZodType | undefined): { least?: number; most?: number } {
  const inner = bare(schema);
  if (!(inner instanceof z.ZodNumber)) return {};
  const { minValue, maxValue } = inner;
  return { ...(minValue === null ? {} : { least: minValue }), ...(maxValue === null ? {} : { most: maxValue }) };
}
