// SPDX-License-Identifier: Apache-2.0
// Colours, only where a person sees them: on a terminal, unless NO_COLOR or a dumb terminal says otherwise; FORCE_COLOR
// turns them on. Pure.
import pc from "picocolors";

export type Style = ReturnType<typeof pc.createColors>;

export const PLAIN: Style = pc.createColors(false);

export function styleOf(
  output: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  if (env["NO_COLOR"]) return PLAIN;
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "0" && force !== "false") return pc.createColors(true);
  return pc.createColors(output.isTTY === true && env["TERM"] !== "dumb" && force === undefined);
}
