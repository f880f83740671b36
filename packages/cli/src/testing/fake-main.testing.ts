// SPDX-License-Identifier: Apache-2.0
// The process `typeone` with a fake host, for tests behind a pseudo-terminal.
import { setTimeout as sleep } from "node:timers/promises";
import { startProcess } from "../process.ts";
import { fakeHost } from "./fake-host.ts";

const host = fakeHost();
// FAIL_AFTER_MS: from then on the host does not answer.
const failAfter = Number(process.env["FAIL_AFTER_MS"] ?? "0");
if (failAfter > 0) {
  const { guests } = host.client;
  let broken = false;
  void sleep(failAfter).then(() => (broken = true));
  Object.assign(host.client, { guests: () => (broken ? Promise.reject(new TypeError("broken")) : guests()) });
}
await startProcess({
  connect: () => Promise.resolve(host.client),
  start: () => Promise.resolve(host.client),
  list: () => Promise.resolve([]),
});
