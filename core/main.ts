// SPDX-License-Identifier: Apache-2.0
// The three doors of the hypervisor, and the order in which it starts. Firmware enters one hart (`boot`), that hart
// starts the others (`secondary`), and from then on everything is a trap. Each answers the context to enter next.
import { probeHost, setUpHart, setUpInterrupts, timebaseFrequency } from "./arch/seam";
import { startGuests } from "./guest/boot";
import { next, runHart } from "./guest/run";
import { setClock } from "./host/clock";
import {
  banner,
  configureScheduling,
  copyTree,
  giveUp,
  joinScheduling,
  keepReserve,
  makePools,
  prepareTrace,
  startConsole,
  startTerminal,
} from "./host/boot";
import { goWrong, wantsPanic } from "./guest/self-test";
import { findHarts, findMemory } from "./host/find";
import { Hart } from "./host/hart";
import { hartByIndex, hartCount, newHart } from "./host/harts";
import { startOthers } from "./host/others";
import { nicsReady } from "./host/virtio/net-receive";
import { wallClockInit } from "./host/wall-clock";
import * as hw from "./hw";
import { schedInit } from "./sched/sched";

export { heapBase } from "./mem/heap";

/** The boot hart: `hart` is firmware's number for it, `fdt` the hpa of the host's device tree. */
export function boot(hart: u64, fdt: u64): usize {
  const first = newHart(hart);
  hw.setHart(changetype<usize>(first), 0);
  startConsole();
  banner();
  const tree = copyTree(fdt);
  if (!tree) return giveUp("the host's device tree is missing or broken");
  if (!findHarts(tree, first)) return giveUp("/cpus names no hart that is this one");
  startTerminal(tree);
  if (!probeHost(tree)) return giveUp("this host's harts have no hypervisor extension (QEMU: -cpu rv64,h=true)");
  if (timebaseFrequency() == 0) return giveUp("/cpus has no timebase-frequency");
  setClock(timebaseFrequency());
  if (!makePools(tree)) return giveUp("there is too little memory behind the hypervisor's image for its pools");
  if (findMemory(tree) != 0) return giveUp("the host's /memory is unusable");
  if (setUpInterrupts(tree) != 0) return giveUp("no PLIC, APLIC or APLIC with IMSIC that serves supervisor mode");
  prepareTrace(tree);
  if (schedInit(hartCount()) != 0) return giveUp("the scheduler could not be set up");
  configureScheduling(tree);
  wallClockInit(tree);
  setUpHart();
  joinScheduling(tree);
  startOthers();
  if (wantsPanic(tree)) goWrong(0);
  startGuests(tree);
  nicsReady();
  keepReserve();
  return next(first);
}

/** Another hart, started by `boot`: `index` is its place in the table. */
export function secondary(index: u64): usize {
  const hart: Hart = hartByIndex(<u32>index);
  hw.setHart(changetype<usize>(hart), <u32>index);
  setUpHart();
  joinScheduling(0);
  return next(hart);
}

/** A trap on any hart: `context` is the vCPU that was interrupted, 0 if none. */
export function trap(context: usize): usize {
  return runHart(context);
}
