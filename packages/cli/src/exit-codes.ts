// SPDX-License-Identifier: Apache-2.0
// The exit codes of `typeone`, a promise to scripts: what each means, and which failures of a host mean which. Pure.

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  state: 4,
  noHost: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For `typeone help exit-codes`. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.failed, "it was tried and failed; the reason is on standard error"],
  [EXIT.usage, "the command line is wrong: unknown verb or option, missing or bad value; nothing was done"],
  [EXIT.notFound, "there is no such guest, vCPU, crash record or file"],
  [EXIT.state, "not possible in the state it is in, or it is busy; later it may be"],
  [EXIT.noHost, "no host runs, or its background process does not answer"],
  [EXIT.interrupted, "ended by Ctrl-C or a signal"],
];
