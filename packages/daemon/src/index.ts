// SPDX-License-Identifier: Apache-2.0
// Running hosts: starting one, finding those that run, and a typed client of each one's background process.
export type * from "./api.ts";
export { EVENT_KINDS, GUEST_ACTIONS, HOST_ACTIONS } from "./api.ts";
export { HostClient } from "./client.ts";
export type { ActionOptions, ConsoleOptions, CreateOptions, CreateProgress, FollowOptions } from "./client.ts";
export type { DetachOptions, DeviceTarget } from "./client.ts";
export { connectHost, listHosts } from "./connect.ts";
export type { HostEntry } from "./connect.ts";
export { debianFiles, needsDebian, resolveGuest } from "./debian.ts";
export { ApiError, NO_HOST_FIX } from "./errors.ts";
export { DEFAULT_HOST, hostPaths, runRoot } from "./run-dir.ts";
export type { HostPaths } from "./run-dir.ts";
export { startHost } from "./start.ts";
export type { StartOptions } from "./start.ts";
export { TRACE_RECORD_BYTES } from "./trace.ts";
export type { TraceHeader, TracePiece } from "./trace.ts";
