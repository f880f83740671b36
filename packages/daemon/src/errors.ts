// SPDX-License-Identifier: Apache-2.0
// The one error of the API, the same at both ends: thrown in the daemon, it becomes an answer; the client throws it
// again. A code for scripts, a message that names the thing, and the fix.
import type { ErrorBody } from "./api.ts";

/** HTTP's status by code; what is not here is 500. */
const STATUS: Readonly<Record<string, number>> = {
  invalid: 400,
  "not-found": 404,
  exists: 409,
  state: 409,
  busy: 409,
  limit: 409,
  "no-memory": 409,
  "too-large": 413,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
};

export class ApiError extends Error {
  readonly code: string;
  readonly fix: string | undefined;

  constructor({ code, message, fix }: ErrorBody) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.fix = fix;
  }

  get status(): number {
    return STATUS[this.code] ?? 500;
  }

  get body(): ErrorBody {
    return { code: this.code, message: this.message, ...(this.fix === undefined ? {} : { fix: this.fix }) };
  }
}

export const NO_HOST_FIX = "start one with: typeone run FILE";

export function noHost(name?: string): ApiError {
  const message = name === undefined ? "no host is running" : `no host named ${name} is running`;
  return new ApiError({ code: "no-host", message, fix: NO_HOST_FIX });
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null ? (error as NodeJS.ErrnoException).code : undefined;
}
