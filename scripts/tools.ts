// SPDX-License-Identifier: Apache-2.0
// Makes sure that QEMU, its firmware, the cross compiler and dtc are there, installing what is missing where it may.
// Run by npm test before anything that needs them; the demo does the same.
import { StepError, createProgress, ensureTools, messageOf } from "@typeone/host";

try {
  for (const { name, version = "", path = "" } of await ensureTools(createProgress())) {
    console.log(`${name.padEnd(22)} ${version.padEnd(10)} ${path}`);
  }
} catch (error) {
  console.error(messageOf(error));
  if (error instanceof StepError && error.fix) console.error(`\n${error.fix}`);
  process.exitCode = 1;
}
