// SPDX-License-Identifier: Apache-2.0
// The multiplexer: one UART, the host's terminal and every guest's console. Its interrupt brings what a person types;
// Ctrl-] is the one key that is ours, see showKeys. The pump is a worker that moves what guests could not send at
// once: woken when the UART has room again, and by a timer when a guest's flood limit does. Holds no lock while it
// calls others, except a guest's own around its console.
import { hostShutdown } from "../arch/seam";
import { acquire, release } from "../lib/lock";
import { MAX_GUESTS } from "../limits";
import { Worker, workerInit, workerWake } from "../sched/worker";
import { consoleByNumber, consoleDue, consoleGuestInput, consoleGuestOutput, onConsoleWait } from "./console";
import { thisHart } from "./hart";
import { nameHostInterrupt, ownHostInterrupt } from "./interrupts";
import {
  beginLine,
  endLine,
  FOCUS_HOST,
  lockConsole,
  outByte,
  outFlush,
  outputFinish,
  outputFocus,
  outputStart,
  outRoom,
  outText,
  setOutputFocus,
  unlockConsole,
} from "./output";
import { serialListen, serialTake } from "./serial";
import { KIND_TIMER_WAKE, Timer, timerArm, timerInit } from "./timers";

/** What the management channel on this line leaves of a byte: nothing, the byte, or a zero that it held back and the byte. */
export const TYPED_TAKEN: u32 = 0;
export const TYPED_PASS: u32 = 1;
export const TYPED_WITH_ZERO: u32 = 2;

const KEY_PREFIX: u32 = 0x1d;
const DIGIT_0: u32 = 0x30;
const DIGIT_9: u32 = 0x39;
const KEY_NEXT: u32 = 0x6e;
const KEY_PREVIOUS: u32 = 0x70;
const KEY_QUIT: u32 = 0x71;
const KEY_HELP: u32 = 0x3f;
/** Bytes taken per interrupt; more wait in the UART and interrupt again. */
const MAX_INPUT: u32 = 64;
/** Room in the output ring from which the pump is worth running. */
const PUMP_ROOM: u32 = 4096;
/** Above guests of normal priority, so that a busy guest cannot keep consoles from people. */
const PUMP_PRIORITY: u32 = 6;

// @lock none: the scheduler guards a worker, its hart's list a timer.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
const timerPtr: usize = memory.data(<i32>offsetof<Timer>(), 8);

// @lock per boot: set once.
let hostInput: u32 = 0;
let hostRoom: u32 = 0;
let channelTake: u32 = 0;
let channelRoom: u32 = 0;
let started: u32 = 0;
// @lock none: only the hart that serves the UART's interrupt.
let prefixed: u32 = 0;
/** 1 if a console may be waiting; a hint, set by any hart. */
let waiting: u32 = 0;

/** Boot, once the scheduler and the interrupt controller work: input and the pump. `irq` 0: no interrupt, polled only. */
export function startMux(irq: u32, trigger: u32): i32 {
  timerInit(changetype<Timer>(timerPtr), KIND_TIMER_WAKE, workerPtr);
  onConsoleWait(changetype<u32>(wakePump.index));
  let status = workerInit(changetype<Worker>(workerPtr), changetype<u32>(pump.index), 0, PUMP_PRIORITY);
  if (status == 0 && irq != 0) {
    status = ownHostInterrupt(irq, trigger, changetype<u32>(serialInterrupt.index), 0);
    if (status == 0) {
      nameHostInterrupt("uart");
      lockConsole();
      outputStart();
      serialListen();
      unlockConsole();
    }
  }
  started = 1;
  return status;
}

/** Who takes what is typed while the host has the focus: index of a (byte: u32) => void. */
export function onHostInput(take: u32): void {
  hostInput = take;
}

/** Who wants to know that there is room in the output again: index of a () => void. */
export function onHostRoom(call: u32): void {
  hostRoom = call;
}

/** The management channel on this line: indexes of a (byte: u32) => TYPED_* and of a () => void, called when output left. */
export function onChannel(take: u32, room: u32): void {
  channelTake = take;
  channelRoom = room;
}

/** Trap: the host's UART has input, or room. */
export function serialInterrupt(argument: usize): void {
  pollInput();
  lockConsole();
  outFlush();
  const room = outRoom();
  unlockConsole();
  if (channelRoom != 0) call_indirect<void>(channelRoom);
  if (room < PUMP_ROOM) return;
  if (waiting) wakePump();
  if (hostRoom != 0) call_indirect<void>(hostRoom);
}

/** Takes what was typed, for hosts whose console has no interrupt too. */
export function pollInput(): void {
  for (let i: u32 = 0; i < MAX_INPUT; i++) {
    const byte = serialTake();
    if (byte < 0) return;
    const left = channelTake != 0 ? call_indirect<u32>(channelTake, <u32>byte) : TYPED_PASS;
    if (left == TYPED_WITH_ZERO) typed(0);
    if (left != TYPED_TAKEN) typed(byte);
  }
}

function typed(byte: u32): void {
  if (prefixed) {
    prefixed = 0;
    command(byte);
  } else if (byte == KEY_PREFIX) {
    prefixed = 1;
  } else {
    deliver(byte);
  }
}

function deliver(byte: u32): void {
  const number = outputFocus();
  if (number == FOCUS_HOST) {
    if (hostInput != 0) call_indirect<void>(hostInput, byte);
    return;
  }
  const console = consoleByNumber(number);
  acquire(console.lock);
  if (console.attached) consoleGuestInput(console, byte);
  release(console.lock);
}

/** What follows Ctrl-]; anything that is not ours is passed on with it. */
function command(byte: u32): void {
  if (byte >= DIGIT_0 && byte <= DIGIT_9) {
    focusConsole(byte - DIGIT_0);
  } else if (byte == KEY_PREFIX || byte == KEY_NEXT) {
    focusConsole(neighbour(1));
  } else if (byte == KEY_PREVIOUS) {
    focusConsole(neighbour(MAX_GUESTS));
  } else if (byte == KEY_HELP) {
    showKeys();
  } else if (byte == KEY_QUIT) {
    lockConsole();
    say("powering off");
    outputFinish();
    unlockConsole();
    hostShutdown();
  } else {
    deliver(KEY_PREFIX);
    deliver(byte);
  }
}

/** The attached console, or the host, that is `step` further round. */
function neighbour(step: u32): u32 {
  let number = outputFocus();
  for (let i: u32 = 0; i <= MAX_GUESTS; i++) {
    number = (number + step) % (MAX_GUESTS + 1);
    if (number == FOCUS_HOST || isAttached(number)) return number;
  }
  return FOCUS_HOST;
}

function isAttached(number: u32): bool {
  const console = consoleByNumber(number);
  return changetype<usize>(console) != 0 && console.attached != 0;
}

/** Shows a console (0: the host) and sends what is typed to it; first comes what it sent unseen. */
export function focusConsole(number: u32): void {
  const console = consoleByNumber(number);
  lockConsole();
  if (number != FOCUS_HOST && !isAttached(number)) {
    say("there is no such console");
    outFlush();
    unlockConsole();
    return;
  }
  beginLine();
  setOutputFocus(number);
  outText("typeone: console is now ");
  if (number == FOCUS_HOST) outText("the host");
  else outName(console.name);
  outText(" (Ctrl-] switches, Ctrl-] 0 is the host, Ctrl-] q quits)");
  endLine();
  if (number != FOCUS_HOST) console.line.length = 0;
  outFlush();
  unlockConsole();
  if (number == FOCUS_HOST) return;
  acquire(console.lock);
  consoleGuestOutput(console);
  release(console.lock);
}

/** The line is shown again after it was muted: what the console in focus kept meanwhile comes out. */
export function showFocus(): void {
  const number = outputFocus();
  if (number == FOCUS_HOST) return;
  const console = consoleByNumber(number);
  if (!isAttached(number)) {
    focusConsole(FOCUS_HOST);
    return;
  }
  acquire(console.lock);
  consoleGuestOutput(console);
  release(console.lock);
}

function showKeys(): void {
  lockConsole();
  say("Ctrl-] 0        the host's terminal");
  say("Ctrl-] 1 to 9   the guest of that number");
  say("Ctrl-] n, p     the next, the previous console (Ctrl-] Ctrl-] is next too)");
  say("Ctrl-] q        powers the machine off");
  say("Ctrl-] ?        this list; any other key is sent on together with Ctrl-]");
  outFlush();
  unlockConsole();
}

/** One line of the host's, with the console lock held. */
function say(text: string): void {
  beginLine();
  outText("typeone: ");
  outText(text);
  endLine();
}

function outName(name: usize): void {
  for (let i: usize = 0; load<u8>(name + i) != 0; i++) outByte(load<u8>(name + i));
}

function wakePump(): void {
  waiting = 1;
  if (started) workerWake(changetype<Worker>(workerPtr));
}

/** Worker: lets every console that waits send on. Answers 0: what still waits has its wake-up set. */
function pump(argument: usize): u32 {
  waiting = 0;
  let due: u64 = u64.MAX_VALUE;
  for (let number: u32 = 1; number <= MAX_GUESTS; number++) {
    const console = consoleByNumber(number);
    if (changetype<usize>(console) == 0 || console.waiting == 0) continue;
    acquire(console.lock);
    if (console.attached) consoleGuestOutput(console);
    const when = console.waiting ? consoleDue(console) : u64.MAX_VALUE;
    release(console.lock);
    if (when == u64.MAX_VALUE) continue;
    waiting = 1;
    if (when != 0 && when < due) due = when;
  }
  if (due != u64.MAX_VALUE) timerArm(changetype<Timer>(timerPtr), thisHart().index, due);
  return 0;
}
