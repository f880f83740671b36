// SPDX-License-Identifier: Apache-2.0
// Progress of long steps for people: one line per step, on standard error, with elapsed seconds and a detail (bytes,
// percent). On a terminal the line is redrawn in place; elsewhere a step prints one line when it ends, and one every ten
// seconds while it lasts, so that a log shows life without filling up. Standard output stays free for results (--json).

export interface Step {
  /** Replaces the detail shown behind the title, e.g. "41.2 of 112.0 MB". */
  update(detail: string): void;
  /** Ends the step well. */
  done(detail?: string): void;
  /** Ends the step badly; the error itself is printed by whoever catches it. */
  fail(): void;
}

export interface Progress {
  step(title: string): Step;
  /** A line that belongs to no step. */
  note(text: string): void;
}

/** The part of a stream that progress writes to; tests hand in an array-backed one. */
export interface ProgressSink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const TICK_MS = 200;
const LOG_EVERY_MS = 10_000;

/** For library callers and tests that want no output. */
export const silentProgress: Progress = {
  step: () => ({ update: () => undefined, done: () => undefined, fail: () => undefined }),
  note: () => undefined,
};

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function lineOf(mark: string, title: string, detail: string): string {
  return `${mark} ${title}${detail === "" ? "" : `  ${detail}`}`;
}

/** Progress on `sink` (standard error by default). */
export function createProgress(sink: ProgressSink = process.stderr): Progress {
  const live = sink.isTTY === true;
  const redraw = (line: string, end: "" | "\n") => {
    const width = (sink.columns ?? 80) - 1;
    const shown = end === "" && line.length > width ? line.slice(0, width) : line;
    sink.write(`\r\u001b[2K${shown}${end}`);
  };
  const step = (title: string): Step => {
    const start = Date.now();
    let detail = "";
    let lastLog = start;
    const elapsed = () => formatSeconds(Date.now() - start);
    const tick = () => {
      if (live) redraw(lineOf("…", title, `${elapsed()}  ${detail}`.trimEnd()), "");
      else if (Date.now() - lastLog >= LOG_EVERY_MS) {
        lastLog = Date.now();
        sink.write(`${lineOf("…", title, `${elapsed()}  ${detail}`.trimEnd())}\n`);
      }
    };
    const timer = setInterval(tick, TICK_MS);
    timer.unref();
    const finish = (mark: string, last: string) => {
      clearInterval(timer);
      const line = lineOf(mark, title, `${elapsed()}${last === "" ? "" : `  ${last}`}`);
      if (live) redraw(line, "\n");
      else sink.write(`${line}\n`);
    };
    tick();
    return {
      update: (next) => {
        detail = next;
      },
      done: (last = "") => finish("✓", last),
      fail: () => finish("✗", ""),
    };
  };
  return { step, note: (text) => void sink.write(`${text}\n`) };
}

/** Runs `work` as one step: done when it resolves, failed when it rejects. */
export async function inStep<T>(progress: Progress, title: string, work: (step: Step) => Promise<T>): Promise<T> {
  const step = progress.step(title);
  let detail = "";
  try {
    const result = await work({ ...step, done: (last = "") => (detail = last) });
    step.done(detail);
    return result;
  } catch (error) {
    step.fail();
    throw error;
  }
}
