// SPDX-License-Identifier: Apache-2.0
// A full-screen view on the alternate screen: drawn again at intervals, at each key and when the window changes its size.
// What the screen shows comes as lines; too long and too many are cut. Knows nothing of hosts.
import stringWidth from "string-width";
import type { Context } from "../context.ts";
import { keysOf } from "./keys.ts";
import { withRawTerminal } from "./raw-terminal.ts";

export interface View {
  /** The lines to show in a window of this size. */
  draw(size: { readonly columns: number; readonly rows: number }): readonly string[];
  /** Gets new data; called before the first draw and at each interval. */
  update(): Promise<void>;
  /** "quit" ends the view. */
  key(name: string): "quit" | undefined;
  readonly intervalMs: number;
}

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[0m\u001b[?25h\u001b[?1049l";

/** The line cut to a width; colour sequences have none. */
export function clip(line: string, width: number): string {
  if (stringWidth(line) <= width) return line;
  let out = "";
  let used = 0;
  for (const [part] of line.matchAll(/\u001b\[[0-9;]*m|[\s\S]/gu)) {
    const wide = part.startsWith("\u001b[") ? 0 : stringWidth(part);
    if (used + wide > width) continue;
    used += wide;
    out += part;
  }
  return out;
}

/** One frame: every line at its place, the rest of it erased, and everything below. */
export function frame(lines: readonly string[], size: { readonly columns: number; readonly rows: number }): string {
  const shown = lines.slice(0, size.rows).map((line) => `${clip(line, size.columns)}\u001b[K`);
  return `\u001b[H${shown.join("\r\n")}\u001b[J`;
}

/** Shows the view until it is quit or the process is told to end. */
export async function showView(context: Context, view: View): Promise<void> {
  const { stdin, stdout, signal } = context;
  const draw = (): void => {
    const size = { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 };
    stdout.write(frame(view.draw(size), size));
  };
  await view.update();
  await withRawTerminal(context, { enter: ENTER, leave: LEAVE }, async () => {
    let end: (error?: unknown) => void = () => undefined;
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) =>
        error === undefined ? resolve() : reject(error instanceof Error ? error : new Error(String(error)));
    });
    const onKeys = (bytes: Buffer): void => {
      for (const name of keysOf(bytes)) if (name === "ctrl-c" || view.key(name) === "quit") return end();
      draw();
    };
    const onAbort = (): void => end();
    let updating = false;
    const tick = (): void => {
      if (updating) return;
      updating = true;
      view
        .update()
        .then(draw, end)
        .finally(() => (updating = false));
    };
    const timer = setInterval(tick, view.intervalMs);
    stdin.on("data", onKeys);
    stdout.on?.("resize", draw);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    draw();
    try {
      await ended;
    } finally {
      clearInterval(timer);
      stdin.off("data", onKeys);
      stdout.off?.("resize", draw);
      signal.removeEventListener("abort", onAbort);
    }
  });
}
