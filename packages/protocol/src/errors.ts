// SPDX-License-Identifier: Apache-2.0
// What can go wrong with a request over the channel: the hypervisor refuses it, nobody answers in time, the session ends,
// the link breaks.
import { WIRE_STATUS_WORDS, WireStatus } from "./generated.ts";

const NAMES = new Map<number, string>(Object.entries(WireStatus).map(([name, value]) => [value, name]));

/** The hypervisor said no. */
export class ChannelError extends Error {
  readonly operation: string;
  readonly status: number;
  /** Name of the status: "NotFound", … */
  readonly code: string;
  /** The hypervisor's own words; empty when it had none. */
  readonly words: string;

  constructor(operation: string, status: number, words = "") {
    const known = WIRE_STATUS_WORDS[status] ?? `status ${status}`;
    super(words === "" ? `${operation}: ${known}` : words);
    this.name = "ChannelError";
    this.operation = operation;
    this.status = status;
    this.code = NAMES.get(status) ?? "Unknown";
    this.words = words;
  }
}

/** No answer in time. A request that changes something may or may not have been done. */
export class ChannelTimeout extends Error {
  readonly operation: string;

  constructor(operation: string, milliseconds: number) {
    super(`the hypervisor did not answer ${operation} within ${(milliseconds / 1000).toFixed(1)} s`);
    this.name = "ChannelTimeout";
    this.operation = operation;
  }
}

/** The session is over: another client took over, or the hypervisor began anew. hello() begins another one. */
export class SessionLost extends Error {
  constructor(why = "this session has ended: another client took over, or the hypervisor was reset") {
    super(why);
    this.name = "SessionLost";
  }
}

/** The byte stream is closed; this client is of no more use. */
export class LinkLost extends Error {
  constructor(why = "the link to the hypervisor is closed") {
    super(why);
    this.name = "LinkLost";
  }
}
