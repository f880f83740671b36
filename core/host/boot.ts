// SPDX-License-Identifier: Apache-2.0
// The steps of boot that are about the host: console, device tree, pools, this hart's place in the scheduler.
// core/main.ts has their order. Boot context.
import { addTables, hostIrqInitHart } from "../arch/seam";
import {
  fdtCheck,
  fdtChild,
  fdtCompatible,
  fdtFind,
  fdtLength,
  fdtProperty,
  fdtSibling,
  fdtU32,
  fdtU64,
} from "../fdt/read";
import { creationInit } from "../guest/create";
import { devicesArena } from "../guest/devices/arena";
import { leaveInit } from "../guest/devices/leave";
import { eventsInit } from "../guest/events";
import { treeInit } from "../guest/tree";
import * as hw from "../hw";
import { lifecycleInit } from "../guest/advance";
import { print, printDec, printHex, printInit, printText } from "../lib/print";
import { randomInit } from "../lib/random";
import { Status } from "../lib/status";
import { allocate, arenaGrow, arenaReserve } from "../mem/arena";
import { BLOCK, BLOCK_SHIFT, ramTakeBehind } from "../mem/ram";
import { channelInit } from "../mgmt/channel/session";
import { linkFind, linkStart } from "../mgmt/link/link";
import { terminalInit } from "../mgmt/terminal/terminal";
import { schedConfigure } from "../sched/sched";
import { Worker } from "../sched/worker";
import { traceEnable } from "../trace/control";
import { TRACE_ARENA, traceInit } from "../trace/ring";
import { ticksPerSecond } from "./clock";
import { thisHart } from "./hart";
import { hartCount } from "./harts";
import { setHostTree } from "./host-tree";
import { startMux } from "./mux";
import { outputFinish, outputInit, showLine } from "./output";
import { findSerial, SerialInfo } from "./serial-find";
import { serialInit } from "./serial";
import { disksBytes, disksStart } from "./virtio/block-start";
import { virtioFind } from "./virtio/find";
import { nicsBytes, nicsStart } from "./virtio/net-start";

/** A host tree larger than this is refused. */
const MOST_TREE: u32 = 0x10_0000;
/** Arena for everything that is not a guest's, and per guest in the tree. */
const BASE_ARENA: u32 = 0x2_0000;
const GUEST_ARENA: u32 = 0x2_8000;
const GUEST_TABLES: u32 = 12;
/** Blocks of 2 MiB to grow into: enough for 64 guests. */
const RESERVE_BLOCKS: u32 = 4;
const MOST_GUESTS_AT_BOOT: u32 = 64;
/** Microseconds. */
const NORMAL_SLICE: u64 = 10_000;
const MOST_SLICE: u64 = 10_000_000;
const FLOOR_PERCENT: u32 = 5;

// @lock per boot
const serial: usize = memory.data(64, 8);
const text: usize = memory.data(72, 8);

/** Lines go to firmware's console until the UART is found. */
export function startConsole(): void {
  outputInit();
  eventsInit();
  printInit(changetype<u32>(showLine.index));
}

export function banner(): void {
  print("TypeOne 0.1.0, build ");
  store<u8>(text + hw.buildId(text, 64), 0);
  printText(text);
  print(", on hart ");
  printDec(thisHart().id);
  print("\n");
}

/** Copies the host's tree into linear memory and checks it; 0 if it is not one. */
export function copyTree(hpa: u64): usize {
  if (hpa == 0 || hpa & 7) return 0;
  hw.copyIn(text, hpa, 8);
  const size = bswap<u32>(load<u32>(text, 4));
  if (load<u32>(text) != 0xedfe_0dd0 || size < 40 || size > MOST_TREE) return 0;
  // The arena grows right behind the image: the tree must not be there already.
  const pages = (size + 0x1fff) & ~0xfff;
  if (hpa < hw.imageEnd() + BASE_ARENA + pages && hpa + size > hw.imageStart()) return 0;
  if (!arenaGrow(pages)) return 0;
  const tree = allocate(size);
  if (!tree) return 0;
  hw.copyIn(tree, hpa, size);
  const status = fdtCheck(tree, size);
  setHostTree(tree);
  if (status == Status.Ok) return tree;
  print("the host's device tree at ");
  printHex(hpa);
  print(" fails its check\n");
  return 0;
}

/** Takes over the UART that /chosen names (without one firmware's console goes on), and finds the management channel. */
export function startTerminal(tree: usize): void {
  const info = changetype<SerialInfo>(serial);
  if (findSerial(tree, info) == Status.Ok) serialInit(info);
  virtioFind(tree);
  arenaGrow(linkFind() + disksBytes() + nicsBytes());
}

/** Grows linear memory by what the guests in the tree will need. False: the host has no room for it. */
export function makePools(tree: usize): bool {
  const guests = guestNodes(tree);
  const needs = BASE_ARENA + hartCount() * TRACE_ARENA + guests * (GUEST_ARENA + GUEST_TABLES * 4096);
  if (!arenaGrow(needs + devicesArena(tree))) return false;
  treeInit();
  creationInit();
  seedRandom(tree);
  return addTables(guests * GUEST_TABLES) == Status.Ok;
}

/** The seed that firmware left for us starts the generator, and nobody reads it again. */
function seedRandom(tree: usize): void {
  const chosen = fdtFind(tree, "/chosen");
  const seed = chosen ? fdtProperty(tree, chosen, "rng-seed") : 0;
  const length = seed ? fdtLength(seed) : 0;
  randomInit(seed, length);
  memory.fill(seed, 0, length);
}

function guestNodes(tree: usize): u32 {
  const chosen = fdtFind(tree, "/chosen");
  let guests: u32 = 0;
  for (let node = chosen ? fdtChild(chosen) : 0; node; node = fdtSibling(node))
    guests += u32(fdtCompatible(tree, node, "xen,domain"));
  return min(guests, MOST_GUESTS_AT_BOOT);
}

/** Normal slice (`typeone,slice-us` in /chosen, 10 ms without) and the share that starved priorities get. */
export function configureScheduling(tree: usize): void {
  const chosen = fdtFind(tree, "/chosen");
  const slice = chosen ? fdtU64(tree, chosen, "typeone,slice-us", NORMAL_SLICE) : NORMAL_SLICE;
  if (slice <= MOST_SLICE && schedConfigure((ticksPerSecond() * slice) / 1_000_000, FLOOR_PERCENT) == Status.Ok) return;
  print("/chosen: typeone,slice-us is out of range; 10 ms it is\n");
  schedConfigure((ticksPerSecond() * NORMAL_SLICE) / 1_000_000, FLOOR_PERCENT);
}

/** Makes room for the trace, and switches on the kinds that `typeone,trace` in /chosen names, from the beginning. */
export function prepareTrace(tree: usize): void {
  traceInit(hartCount());
  const chosen = fdtFind(tree, "/chosen");
  if (chosen) traceEnable(fdtU32(tree, chosen, "typeone,trace", 0));
}

/** This hart takes interrupts and work from now on. The boot hart (with a tree) starts what serves people, too. */
export function joinScheduling(tree: usize): void {
  hostIrqInitHart();
  thisHart().online = 1;
  if (!tree) return;
  const info = changetype<SerialInfo>(serial);
  const worker = allocate(offsetof<Worker>(), 64);
  if (worker) lifecycleInit(changetype<Worker>(worker));
  if (startMux(info.irq, info.trigger) != Status.Ok) print("no interrupt for the UART: input is not read\n");
  terminalInit();
  if (leaveInit() != Status.Ok) print("devices of guests cannot be taken away: no room for a worker\n");
  if (channelInit() != Status.Ok) print("the management channel has no worker for its blobs\n");
  if (linkStart(info.hpa != 0 && info.irq != 0 ? 1 : 0) != Status.Ok) print("the management channel does not start\n");
  disksStart();
  nicsStart();
}

/** Everything that boot takes is taken: free host memory right behind the image is kept for guests that come later. */
export function keepReserve(): void {
  const end = hw.imageEnd();
  const blockEnd = (end + BLOCK - 1) & ~(BLOCK - 1);
  const blocks = ramTakeBehind(blockEnd, RESERVE_BLOCKS);
  arenaReserve(<u32>(blockEnd - end + ((<u64>blocks) << BLOCK_SHIFT)));
}

/** Boot cannot go on: says what is wrong and stops this hart. */
export function giveUp(why: string): usize {
  print("cannot start: ");
  print(why);
  print("\n");
  outputFinish();
  hw.park();
  return 0;
}
