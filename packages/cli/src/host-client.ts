// SPDX-License-Identifier: Apache-2.0
// What the verbs want of a host: the public side of the client of packages/daemon, so that tests can put a fake one in
// its place. `HostStarter` is where clients come from.
import type { System } from "@typeone/config";
import type { HostClient as DaemonClient, HostEntry } from "@typeone/daemon";
import type { Progress } from "@typeone/host";

export type * from "@typeone/daemon";

export type HostClient = { readonly [K in keyof DaemonClient]: DaemonClient[K] };

export interface StartOptions {
  readonly name?: string;
  readonly system: System;
  /** The hypervisor's ELF or flat Image; built when absent. */
  readonly hypervisor?: string;
  readonly progress: Progress;
}

/** Where hosts come from: the background processes of this user. */
export interface HostStarter {
  /** The named host, or the only one. */
  connect(name: string | undefined): Promise<HostClient>;
  /** Starts a host and answers when it can be talked to; it goes on when we end. */
  start(options: StartOptions): Promise<HostClient>;
  list(): Promise<readonly HostEntry[]>;
}
