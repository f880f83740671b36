// SPDX-License-Identifier: Apache-2.0
// Where the process `typeone` begins. Started by bin/typeone and scripts/bootstrap.mjs.
import { realHosts } from "./hosts.ts";
import { startProcess } from "./process.ts";

await startProcess(realHosts);
