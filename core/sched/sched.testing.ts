// SPDX-License-Identifier: Apache-2.0
// What the scheduler's tests need besides its interface: fixtures made in linear memory, and fields by name.
// Compiled only into test modules; no part of the hypervisor imports it.
import { now } from "../arch/seam";
import { Hart } from "../host/hart";
import { hartByIndex, newHart } from "../host/harts";
import { Timer } from "../host/timers";
import { allocate, arenaGrow } from "../mem/arena";
import { Entity } from "./entity";
import { levelOf, queueOf, RunQueue } from "./queue";
import { askHart } from "./harts";
import { schedInit, schedWake } from "./sched";
import { residence } from "./wake";
import { Worker } from "./worker";

export { askHart } from "./harts";
export * from "./sched";
export * from "./worker";
export { timerArm, timerCancel, timerInit, timersExpire, timersNext, timersProgram } from "../host/timers";
export { now };

export const STATE: u32 = offsetof<Entity>("state");
export const POLICY: u32 = offsetof<Entity>("policy");
export const PRIORITY: u32 = offsetof<Entity>("priority");
export const WEIGHT: u32 = offsetof<Entity>("weight");
export const HOME: u32 = offsetof<Entity>("home");
export const AFFINITY: u32 = offsetof<Entity>("affinity");
export const SLICE: u32 = offsetof<Entity>("slice");
export const PERIOD: u32 = offsetof<Entity>("period");
export const BUDGET: u32 = offsetof<Entity>("budget");
export const RUN_TIME: u32 = offsetof<Entity>("runTime");
export const NEXT: u32 = offsetof<Entity>("next");
export const PREVIOUS: u32 = offsetof<Entity>("previous");
export const PLACE: u32 = offsetof<Entity>("place");
export const RESIDENCE: u32 = offsetof<Entity>("residence");
export const WAKE: u32 = offsetof<Entity>("wake");
export const CURRENT: u32 = offsetof<Hart>("current");
export const RESCHEDULE: u32 = offsetof<Hart>("reschedule");
export const CONTENDED: u32 = offsetof<Hart>("contended");
export const SLICE_END: u32 = offsetof<Hart>("sliceEnd");
export const TIMER_SET: u32 = offsetof<Hart>("timerSet");
export const SBI_VALUE: u32 = offsetof<Hart>("sbiValue");
export const READY: u32 = offsetof<RunQueue>("ready");
export const MEMBERS: u32 = offsetof<RunQueue>("members");
export const PERIODIC: u32 = offsetof<RunQueue>("periodic");
export const THROTTLED: u32 = offsetof<RunQueue>("throttled");
export const PINNED: u32 = offsetof<RunQueue>("pinned");
export const ARMED: u32 = offsetof<Timer>("armed");

/** `harts` harts come to be, with firmware's ids 100, 101, … */
export function testSetup(harts: u32): i32 {
  arenaGrow(0x10_0000);
  for (let i: u32 = 0; i < harts; i++) newHart(100 + i);
  return schedInit(harts);
}

export function testHart(index: u32): usize {
  return changetype<usize>(hartByIndex(index));
}

export function testQueue(index: u32): usize {
  return changetype<usize>(queueOf(index));
}

/** First entity that waits at a priority. */
export function testLevel(index: u32, priority: u32): usize {
  return levelOf(queueOf(index), priority).first;
}

export function testEntity(): usize {
  return allocate(offsetof<Entity>());
}

export function testWorker(): usize {
  return allocate(offsetof<Worker>());
}

export function testTimer(): usize {
  return allocate(offsetof<Timer>());
}

export function testCounter(): usize {
  return allocate(8);
}

/** A worker's function: takes one from the count at `argument`; more to do while that is not zero. */
function countDown(argument: usize): u32 {
  const left = load<u32>(argument);
  if (left == 0) return 0;
  store<u32>(argument, left - 1);
  return left > 1 ? 1 : 0;
}

export function testCountDown(): u32 {
  return countDown.index;
}

/** Asks a vCPU to look at something that was just written down for it, as inject.ts does. */
export function testRequest(entity: Entity): void {
  const held = residence(entity);
  if (held != 0) askHart(held - 1);
  schedWake(entity);
}
