// SPDX-License-Identifier: Apache-2.0
// What a verb sees of the world: streams, environment, the wanted host and output form, and how to reach a host. Made
// once by main.ts; tests make their own with a fake client (testing/context.ts), so no verb touches `process` itself.
import type { Progress } from "@typeone/host";
import type { HostClient, HostStarter } from "./host-client.ts";
import type { Style } from "./output/style.ts";

/** A stream that text goes to; a terminal if `isTTY`. */
export interface Output {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: "resize", listener: () => void): unknown;
  off?(event: "resize", listener: () => void): unknown;
}

/** What people type. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean | undefined;
  setRawMode?(mode: boolean): unknown;
  on(event: "data" | "end", listener: (bytes: Buffer) => void): unknown;
  off(event: "data" | "end", listener: (bytes: Buffer) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  unref?(): unknown;
}

/** How a question is put to the person; false is no. */
export type Ask = (question: string) => Promise<boolean>;

export interface Context {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Colours of standard output and of standard error. */
  readonly style: Style;
  readonly errorStyle: Style;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** `--host`, or TYPEONE_HOST. */
  readonly hostName: string | undefined;
  readonly format: "table" | "json";
  /** Aborted by Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly hosts: HostStarter;
  readonly ask: Ask;
  now(): number;
  /** The client of the wanted host. */
  connect(): Promise<HostClient>;
}
