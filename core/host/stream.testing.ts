// SPDX-License-Identifier: Apache-2.0
// The toolstack's side of a console on the test host of host.testing.ts. Compiled only into test modules.
import { WireReadAnswer, WireWriteAnswer } from "../mgmt/wire-structs";
import { acquire, release } from "../lib/lock";
import { ringFree, ringPut } from "../lib/ring";
import { consoleByNumber, consoleGuestOutput } from "./console";
import { consoleRead, consoleUnfollow, consoleWrite } from "./console-stream";

export * from "./host.testing";

/** Reads console `number` into `at`, where the answer begins with the wanted position; answers how many bytes. */
export function testRead(number: u32, at: usize, most: u32): u32 {
  return consoleRead(consoleByNumber(number), changetype<WireReadAnswer>(at), most);
}

/** The guest sends `length` bytes, looking before each whether there is room; answers how many went. */
export function testTransmit(number: u32, bytes: usize, length: u32): u32 {
  const console = consoleByNumber(number);
  let taken: u32 = 0;
  acquire(console.lock);
  for (; taken < length && ringFree(console.tx) != 0; taken++) {
    ringPut(console.tx, load<u8>(bytes + taken));
    consoleGuestOutput(console);
  }
  release(console.lock);
  return taken;
}

export function testUnfollow(number: u32): void {
  consoleUnfollow(consoleByNumber(number));
}

export function testWrite(number: u32, at: usize, ptr: usize, length: u32): void {
  consoleWrite(consoleByNumber(number), changetype<WireWriteAnswer>(at), ptr, length);
}

/** Bytes that the guest sent as the console counts them, and those that nobody saw. */
export function testOut(number: u32): u64 {
  return consoleByNumber(number).out;
}

export function testLost(number: u32): u64 {
  return consoleByNumber(number).lost;
}

export function testIn(number: u32): u64 {
  return consoleByNumber(number).in;
}
