// SPDX-License-Identifier: Apache-2.0
// host info, cpu, irq: the machine itself. Called by the terminal's worker; counters of other harts may be a moment old.
import * as hw from "../../hw";
import { hostIrqName, now } from "../../arch/seam";
import { nanoseconds, ticksPerSecond } from "../../host/clock";
import { Hart } from "../../host/hart";
import { hartByIndex, hartCount } from "../../host/harts";
import { hostInterrupt, unownedInterrupts } from "../../host/interrupts";
import { serialPresent } from "../../host/serial";
import { hostDiskCount } from "../../host/virtio/block";
import { hostNicCount } from "../../host/virtio/net";
import { arenaFree } from "../../mem/arena";
import { ramFree, ramTotal } from "../../mem/ram";
import { hartIdleTime } from "../../sched/sched";
import { closeGroup, closeRow, openCard, openGroup, openRow, showNumber, showText, showTime, showWord } from "./out";
import { buildName } from "./system";

export function hostInfo(step: u32): u32 {
  openCard();
  openGroup("host");
  showText("build", 0, buildName());
  showNumber("upTime", 0, nanoseconds(now()) / 1000);
  showNumber("harts", 0, hartCount());
  showNumber("memoryKiB", 0, ramTotal() >> 10);
  showNumber("freeKiB", 0, ramFree() >> 10);
  // The image with its tables and stacks, and what the arena has handed out.
  showNumber("ownUsedKiB", 0, (hw.imageEnd() - hw.imageStart() - arenaFree()) >> 10);
  showNumber("ownFreeKiB", 0, arenaFree() >> 10);
  showNumber("timebase", 0, ticksPerSecond());
  showWord("interrupts", 0, hostIrqName());
  showNumber("unowned", 0, unownedInterrupts());
  showWord("console", 0, serialPresent() ? "16550" : "firmware");
  showNumber("disks", 0, hostDiskCount());
  showNumber("nics", 0, hostNicCount());
  closeGroup();
  closeRow();
  return 0;
}

export function hostCpu(step: u32): u32 {
  if (step >= hartCount()) return 0;
  const hart = hartByIndex(step);
  openRow();
  do {
    showNumber("hart", 6, hart.index);
    showNumber("id", 8, hart.id);
    showWord("state", 9, stateName(hart));
    showTime("idleTime", 15, hartIdleTime(step, now()));
    showNumber("timer", 12, hart.timerInterrupts);
    showNumber("ipi", 12, hart.ipisReceived);
    showNumber("device", 12, hart.externalInterrupts);
  } while (closeRow());
  return 1;
}

function stateName(hart: Hart): string {
  if (!hart.online) return "parked";
  return hart.current != 0 ? "busy" : "idle";
}

export function hostIrq(step: u32): u32 {
  const owner = hostInterrupt(step);
  if (changetype<usize>(owner) == 0) return 0;
  openRow();
  do {
    showNumber("irq", 6, owner.irq);
    showWord("owner", 14, owner.name != 0 ? changetype<string>(owner.name) : "host");
    showNumber("count", 12, owner.served);
    showNumber("hart", 6, owner.hart);
  } while (closeRow());
  return 1;
}
