// SPDX-License-Identifier: Apache-2.0
// TypeOne's serial line as its multiplexer prints it, taken apart again: which line belongs to which guest, and how to
// move the focus. Used by the demo's check and by QEMU tests.
//
//   typeone: …      the hypervisor        [alpha] …   a guest that has not the focus        anything else: the focus
//   Ctrl-] 0 host   Ctrl-] N guest N      (both as typed by a person)
import { type Console, lastLines } from "@typeone/host";
import { ESCAPE_KEY } from "./keys.ts";

/** Name under which the host's own lines are kept. */
export const HOST = "host";
const KEPT_LINES = 400;

/** Control sequences and bytes that a transcript is better without. */
export function plainText(text: string): string {
  return text
    .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/g, "");
}

export class TypeOneConsole {
  readonly console: Console;
  readonly #names: readonly string[];
  readonly #lines = new Map<string, string[]>();
  #focus = HOST;
  #rest = "";

  /** `names` are the guests in the order of their numbers, the first being 1. */
  constructor(console: Console, names: readonly string[]) {
    this.console = console;
    this.#names = names;
    this.#receive(console.text);
    console.onData((bytes) => this.#receive(bytes.toString("utf8")));
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#keep(line);
  }

  #keep(raw: string): void {
    const line = plainText(raw);
    const prefixed = /^\[([^\]]+)\] ?(.*)$/.exec(line);
    const owner = prefixed && this.#names.includes(prefixed[1] as string) ? (prefixed[1] as string) : undefined;
    const name = owner ?? (line.startsWith("typeone: ") ? HOST : this.#focus);
    const kept = this.#lines.get(name) ?? [];
    kept.push(owner ? (prefixed?.[2] as string) : line);
    if (kept.length > KEPT_LINES) kept.shift();
    this.#lines.set(name, kept);
  }

  /** The last lines that `name` (a guest, or the host) printed. */
  tail(name: string, count = 20): string {
    const rest = name === this.#focus ? `\n${plainText(this.#rest)}` : "";
    return lastLines(`${(this.#lines.get(name) ?? []).join("\n")}${rest}`, count);
  }

  /** Gives the keyboard to the host or to a guest, and looks only at what is printed from now on. */
  focus(name: string): void {
    const number = name === HOST ? 0 : this.#names.indexOf(name) + 1;
    if (number > 9 || (number === 0 && name !== HOST)) throw new RangeError(`no key gives the focus to ${name}`);
    this.#focus = name;
    this.console.skip();
    this.console.send(Buffer.from([ESCAPE_KEY, "0".charCodeAt(0) + number]));
  }
}
