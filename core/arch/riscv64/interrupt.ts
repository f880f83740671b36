// SPDX-License-Identifier: Apache-2.0
// Interrupts of the host, whether they stopped a guest or woke an idle hart. Trap context.
import * as hw from "../../hw";
import { Hart } from "../../host/hart";
import { timersExpire } from "../../host/timers";
import { hostInterrupts } from "../../host/interrupts";
import {
  CAUSE_INTERRUPT,
  CSR_SIE,
  CSR_SIP,
  IRQ_S_EXT,
  IRQ_S_GEXT,
  IRQ_S_SOFT,
  IRQ_S_TIMER,
  SIP_SEIP,
  SIP_SSIP,
  SIP_STIP,
} from "./csr";
import { fileInterrupt, pendingFiles } from "./irq/files";
import { now, TIMER_OFF } from "./timer";

/** Serves the interrupt of `cause`. Answers 0 for another hart's kick, 1 for the timer, 2 for a device. */
export function hostInterrupt(hart: Hart, cause: u64): u32 {
  hart.ownWork = 1;
  const kind = serve(hart, cause);
  hart.ownWork = 0;
  return kind;
}

function serve(hart: Hart, cause: u64): u32 {
  const number = cause & ~CAUSE_INTERRUPT;
  if (number == IRQ_S_SOFT) {
    kicked(hart);
    return 0;
  }
  if (number == IRQ_S_TIMER) {
    timerFired(hart);
    return 1;
  }
  if (number == IRQ_S_EXT) hostInterrupts();
  else if (number == IRQ_S_GEXT) fileInterrupt();
  return 2;
}

/** Serves everything pending on an idle hart. */
export function pendingInterrupts(hart: Hart): void {
  const pending = hw.csrRead(CSR_SIP) & hw.csrRead(CSR_SIE);
  if (pending & SIP_SSIP) kicked(hart);
  if (pending & SIP_STIP) timerFired(hart);
  if (pending & SIP_SEIP) hostInterrupts();
  pendingFiles();
}

/** Another hart changed something that concerns this one: run.ts looks at the queue and at the vCPU's requests. */
function kicked(hart: Hart): void {
  hw.csrClear(CSR_SIP, SIP_SSIP);
  hart.ipisReceived += 1;
}

function timerFired(hart: Hart): void {
  hart.timerInterrupts += 1;
  // The compare register is in the past and the interrupt stays up until a new deadline is set below.
  hart.timerSet = TIMER_OFF - 1;
  timersExpire(now());
}
