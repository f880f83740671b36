// SPDX-License-Identifier: Apache-2.0
// The terminal on the test host of host.testing.ts. Compiled only into test modules.
import { terminalInit } from "./terminal";

export * from "../host/host.testing";

/** Shows the prompt and listens. */
export function testTerminal(): i32 {
  return terminalInit();
}
