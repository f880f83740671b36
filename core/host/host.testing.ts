// SPDX-License-Identifier: Apache-2.0
// What the unit tests of consoles and terminal need besides the interfaces: a host with one hart and one UART, guests
// that are a console only. Compiled only into test modules; no part of the hypervisor imports it.
import { allocate, arenaInit } from "../mem/arena";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_GUEST, release } from "../lib/lock";
import { print, printDec, printInit } from "../lib/print";
import { ringPut, ringTake } from "../lib/ring";
import { KIND_WORKER } from "../sched/entity";
import { schedInit, schedNext } from "../sched/sched";
import { Worker, workerRun } from "../sched/worker";
import { attachConsole, consoleByNumber, consoleGuestOutput, detachConsole, makeConsole, onConsole } from "./console";
import { newHart } from "./harts";
import { startMux } from "./mux";
import { outputInit, outputStart, showLine } from "./output";
import { serialInit, serialListen } from "./serial";
import { SerialInfo } from "./serial-find";

export { focusConsole, pollInput, serialInterrupt } from "./mux";
export { outputFocus } from "./output";
export { timersExpire, timersNext } from "./timers";

/** What consoleEvent of the bus would see: calls so far, by kind. */
let received: u32 = 0;
let drained: u32 = 0;

/** Memory [from, to) becomes the arena; answers the record of the one hart. */
export function testHost(from: usize, to: usize): usize {
  arenaInit(from, to);
  return changetype<usize>(newHart(100));
}

/** The console as boot brings it up, up to the point where interrupts flow. */
export function testConsole(): i32 {
  outputInit();
  printInit(changetype<u32>(showLine.index));
  const info = changetype<SerialInfo>(allocate(offsetof<SerialInfo>()));
  info.size = 8;
  info.width = 1;
  serialInit(info);
  schedInit(1);
  const status = startMux(0, 0);
  outputStart();
  serialListen();
  return status;
}

/** A guest's console under a NUL-terminated name. */
export function testGuest(number: u32, name: usize): usize {
  const lock = allocate(LOCK_SIZE);
  lockInit(changetype<Lock>(lock), RANK_GUEST);
  const console = makeConsole(number);
  attachConsole(console, name, changetype<Lock>(lock), number);
  onConsole(console, changetype<u32>(told.index));
  return changetype<usize>(console);
}

export function told(owner: usize, what: u32): void {
  if (what == 1) received += 1;
  else drained += 1;
}

export function testReceived(): u32 {
  return received;
}

export function testDrained(): u32 {
  return drained;
}

/** The guest sends `length` bytes; answers how many its ring took. */
export function testSend(number: u32, bytes: usize, length: u32): u32 {
  const console = consoleByNumber(number);
  let taken: u32 = 0;
  acquire(console.lock);
  while (taken < length && ringPut(console.tx, load<u8>(bytes + taken)) != 0) {
    taken += 1;
    consoleGuestOutput(console);
  }
  release(console.lock);
  return taken;
}

/** The guest takes a byte, -1 if there is none. */
export function testReceive(number: u32): i32 {
  return ringTake(consoleByNumber(number).rx);
}

export function testDetach(number: u32): void {
  const console = consoleByNumber(number);
  acquire(console.lock);
  detachConsole(console);
  release(console.lock);
}

/** The hypervisor says something. */
export function testSay(value: u64): void {
  print("value ");
  printDec(value);
  print("\n");
}

/** Runs workers until none has anything to do, at most `most` pieces; answers how many it was. */
export function testWork(most: u32): u32 {
  for (let i: u32 = 0; i < most; i++) {
    const entity = schedNext();
    if (changetype<usize>(entity) == 0) return i;
    if (entity.kind == KIND_WORKER) workerRun(changetype<Worker>(changetype<usize>(entity)));
  }
  return most;
}
