// SPDX-License-Identifier: Apache-2.0
// Patterns of the image's recipe: those of dpkg's path-exclude (`*` and `?` match slashes too), with `{a,b}` and, in a
// list, `!` for exceptions. Pure. Called by unpack.ts and modules.ts.

/** `a{b,c/{d,e}}f` as all that it stands for. */
export function expandBraces(pattern: string): string[] {
  const close = pattern.indexOf("}");
  const open = close < 0 ? -1 : pattern.lastIndexOf("{", close);
  if (open < 0) return [pattern];
  const [before, after] = [pattern.slice(0, open), pattern.slice(close + 1)];
  return pattern
    .slice(open + 1, close)
    .split(",")
    .flatMap((choice) => expandBraces(before + choice + after));
}

/** One pattern without braces as a regular expression over the whole text. */
function expression(pattern: string): string {
  const literal = pattern.replace(/[.+^$()|[\]\\{}]/g, "\\$&");
  return literal.replaceAll("*", ".*").replaceAll("?", ".");
}

/** Whether a text fits one of `patterns`. */
export function matcher(patterns: readonly string[]): (text: string) => boolean {
  const choices = patterns.flatMap(expandBraces).map(expression);
  if (choices.length === 0) return () => false;
  const whole = new RegExp(`^(?:${choices.join("|")})$`, "s");
  return (text) => whole.test(text);
}

/** Whether a path is left out: it fits a pattern and none of those behind `!`. */
export function exclusion(patterns: readonly string[]): (path: string) => boolean {
  const isOut = matcher(patterns.filter((pattern) => !pattern.startsWith("!")));
  const stays = matcher(patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1)));
  return (path) => isOut(path) && !stays(path);
}
