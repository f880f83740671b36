// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: what a guest must not be able to harm. Without `mode=` it makes every bad access and call once,
// sees that each comes back as a trap or an error of its own, and ends with a verdict. With `mode=1` and up it misbehaves
// for ever in one way (forever.ts); the neighbours' payloads show that only it is hurt.
import { argument, useTree } from "../lib/fdt";
import { printField } from "../lib/print";
import { finish } from "../lib/result";
import { testCsrs } from "./csrs";
import { testDevices } from "./devices";
import { misbehave } from "./forever";
import { testHoles } from "./holes";
import { testInstructions } from "./instructions";
import { testCalls } from "./calls";

export { failed, noInterrupt as interrupt } from "../lib/result";
export { secondary } from "./forever";

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  const mode = argument("mode=", 0);
  if (mode != 0) misbehave(mode, hart);
  printField("holes", testHoles());
  printField("device accesses", testDevices(hart));
  printField("registers", testCsrs());
  printField("instructions", testInstructions(argument("count=", 20000), argument("seed=", 1)));
  printField("calls", testCalls(argument("calls=", 3000), hart));
  finish();
}
