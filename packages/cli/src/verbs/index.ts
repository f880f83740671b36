// SPDX-License-Identifier: Apache-2.0
// The table of verbs: one file each, loaded when asked for. To add one: write verbs/NAME.ts, add a line here, and a
// script to package.json.
import type { ArgsDef, CommandDef } from "citty";

export interface Verb {
  readonly summary: string;
  // Each verb has argument types of its own; the table only passes them on.
  load(): Promise<CommandDef<ArgsDef>>;
}

const erase = (command: unknown): CommandDef<ArgsDef> => command as CommandDef<ArgsDef>;

export const VERBS: Readonly<Record<string, Verb>> = {
  demo: {
    summary: "two Debian guests side by side, from nothing to their shells (--check: without a person)",
    load: async () => erase((await import("./demo.ts")).default),
  },
  doctor: {
    summary: "check this machine and say what to do about what is missing",
    load: async () => erase((await import("./doctor.ts")).default),
  },
  menu: {
    summary: "this overview",
    load: async () => erase((await import("./menu.ts")).default),
  },
};
