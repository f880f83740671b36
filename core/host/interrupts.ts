// SPDX-License-Identifier: Apache-2.0
// Who serves which host interrupt. Drivers register at boot; a trap for an external interrupt calls hostInterrupts,
// which claims, dispatches and completes a bounded number. Several may own one line: each is called and looks at its
// device. An interrupt without an owner is counted and silenced, and so is one that never ends.
// @lock per boot: the table is written by the boot hart before its interrupts are enabled, read-only afterwards.
import {
  allocateHostMessage,
  claimHostInterrupt,
  completeHostInterrupt,
  disableHostInterrupt,
  enableHostInterrupt,
  HostMessage,
  now,
} from "../arch/seam";
import { print, printDec } from "../lib/print";
import { Status } from "../lib/status";
import { ticksPerSecond } from "./clock";
import { thisHart } from "./hart";

/** Most interrupts served in one trap; more are taken by the next, after whoever ran had its turn. */
const MAX_PER_TRAP: u32 = 16;
const MAX_OWNERS: u32 = 24;
/** So many within a thousandth of a second are no device that works: its line never comes down. */
const STORM: u32 = 1024;
const STORM_RATE: u64 = 1000;

@unmanaged
export class Owner {
  irq: u32 = 0;
  /** Table index of (argument: usize) => void. */
  handler: u32 = 0;
  argument: usize = 0;
  /** What people call it: a string literal, 0 if nobody said. */
  name: usize = 0;
  /** How often it was served, and by which hart last. */
  served: u64 = 0;
  hart: u32 = 0;
  /** How many of the present STORM came, and when the first of them (host time in ticks). */
  burst: u32 = 0;
  since: u64 = 0;
}

const owners: usize = memory.data(<i32>(MAX_OWNERS * offsetof<Owner>()), 8);
let count: u32 = 0;
let unowned: u32 = 0;

/** Boot: lets `handler` (index of a `(argument: usize) => void`) serve source `irq`, and enables it on this hart. */
export function ownHostInterrupt(irq: u32, trigger: u32, handler: u32, argument: usize): i32 {
  if (count >= MAX_OWNERS) return Status.Limit;
  own(irq, handler, argument);
  return enableHostInterrupt(irq, trigger);
}

/** Boot: as ownHostInterrupt for an interrupt that is a message; `message` says which. Unsupported: use the line. */
export function ownHostMessage(message: HostMessage, handler: u32, argument: usize): i32 {
  if (count >= MAX_OWNERS) return Status.Limit;
  const status = allocateHostMessage(message);
  if (status == Status.Ok) own(message.irq, handler, argument);
  return status;
}

function own(irq: u32, handler: u32, argument: usize): void {
  const owner = changetype<Owner>(owners + <usize>count * offsetof<Owner>());
  owner.irq = irq;
  owner.handler = handler;
  owner.argument = argument;
  count += 1;
}

/** Trap: serves what interrupts this hart. */
export function hostInterrupts(): void {
  for (let i: u32 = 0; i < MAX_PER_TRAP; i++) {
    const irq = claimHostInterrupt();
    if (irq == 0) return;
    thisHart().externalInterrupts += 1;
    const served = serve(irq);
    completeHostInterrupt(irq);
    if (!served) {
      unowned += 1;
      disableHostInterrupt(irq);
    }
  }
}

/** Calls every owner of `irq`; false if there is none. */
function serve(irq: u32): bool {
  let found = false;
  for (let i: u32 = 0; i < count; i++) {
    const owner = changetype<Owner>(owners + <usize>i * offsetof<Owner>());
    if (owner.irq != irq) continue;
    found = true;
    owner.served += 1;
    owner.hart = thisHart().index;
    if (storms(owner)) return false;
    call_indirect<void>(owner.handler, owner.argument);
  }
  return found;
}

/** The device does not let go of its interrupt, whatever its driver does: it is silenced before it keeps the hart for good. */
function storms(owner: Owner): bool {
  owner.burst += 1;
  if (owner.burst < STORM) return false;
  const at = now();
  const storm = owner.since != 0 && (at - owner.since) * STORM_RATE < ticksPerSecond();
  owner.burst = 0;
  owner.since = at;
  if (storm) {
    print("interrupt ");
    printDec(owner.irq);
    print(" does not end and is switched off: its device does not keep to its own rules\n");
  }
  return storm;
}

/** Boot: what people call the interrupt that was registered last. */
export function nameHostInterrupt(name: string): void {
  hostInterrupt(count - 1).name = changetype<usize>(name);
}

/** Interrupt `index` of those that have owners, a null pointer beyond the last. */
export function hostInterrupt(index: u32): Owner {
  return changetype<Owner>(index < count ? owners + <usize>index * offsetof<Owner>() : 0);
}

/** How many interrupts came that nobody owns. */
export function unownedInterrupts(): u32 {
  return unowned;
}
