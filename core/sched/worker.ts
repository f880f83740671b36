// SPDX-License-Identifier: Apache-2.0
// Workers: the hypervisor's own deferred work, scheduled like vCPUs. A worker's function runs with interrupts off to
// its end, so it does a bounded piece of work and answers whether there is more. Woken from any context; run by the
// loop that schedNext's answer goes to. A worker never waits: it returns and is woken again.
import { Entity, KIND_WORKER, POLICY_PRIORITY } from "./entity";
import { schedAdd } from "./members";
import { schedBlock } from "./sched";
import { schedStart, schedWake } from "./wake";

@unmanaged
export class Worker extends Entity {
  /** Index in the function table of `(argument: usize) => u32`, which answers 1 if it has more to do. */
  run: u32 = 0;
  argument: usize = 0;
}

/** Makes a worker that runs `(argument) => more` (its function's `index`) and takes it into scheduling, with nothing to do. */
export function workerInit(worker: Worker, run: u32, argument: usize, priority: u32): i32 {
  worker.kind = KIND_WORKER;
  worker.policy = POLICY_PRIORITY;
  worker.priority = priority;
  worker.run = run;
  worker.argument = argument;
  const status = schedAdd(worker);
  return status == 0 ? schedStart(worker) : status;
}

/** There is something to do. */
export function workerWake(worker: Worker): void {
  schedWake(worker);
}

/** Runs one piece of the worker that schedNext answered; call schedNext next. */
export function workerRun(worker: Worker): void {
  if (!call_indirect<u32>(worker.run, worker.argument)) schedBlock(worker);
}
