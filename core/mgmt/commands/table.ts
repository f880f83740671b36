// SPDX-License-Identifier: Apache-2.0
// The table of the terminal's commands: what each looks like (pattern.ts), what it is for, and who does it.
// Nothing else lists commands: dispatch, help, usage, completion and "did you mean" all read this. Data only.
import { showCrash } from "./crash";
import { diskList, hostDisks } from "./disks";
import { diskAttach, diskDetach, netAttach, netDetach } from "./hotplug";
import { hostNets, netList } from "./nets";
import { devtreeShow } from "./devtree";
import {
  guestConsole,
  guestCreate,
  doDestroy,
  doKick,
  doPause,
  doReset,
  doResume,
  doShutdown,
  guestList,
} from "./guest";
import { help } from "./help";
import { hostCpu, hostInfo, hostIrq } from "./host";
import { showLog } from "./log";
import { guestDump, memoryDump } from "./memory";
import { hostRam } from "./ram";
import { showSched } from "./sched";
import { hostStats, showStats, vcpuStats } from "./stats";
import { powerOff, restartMachine, version } from "./system";
import { vcpuAffinity, vcpuList, vcpuPause, vcpuPriority, vcpuRegisters, vcpuResume, vcpuWeight } from "./vcpu";
import { vserialDump, vserialList } from "./vserial";

/** Rows of three: pattern, purpose, function (the address of its index in the function table). */
// prettier-ignore
export const COMMAND_TABLE: usize = memory.data<usize>([
  changetype<usize>("help [COMMAND] [WORD]"), changetype<usize>("the commands"), changetype<usize>(help),
  changetype<usize>("version"), changetype<usize>("which build this is"), changetype<usize>(version),
  changetype<usize>("guest list [-j]"), changetype<usize>("the guests"), changetype<usize>(guestList),
  changetype<usize>("guest stats GUEST [-j]"), changetype<usize>("what it used, why it exited"), changetype<usize>(showStats),
  changetype<usize>("guest create NAME"), changetype<usize>("one that the host's tree describes"), changetype<usize>(guestCreate),
  changetype<usize>("guest destroy GUEST"), changetype<usize>("it goes, and its memory is free"), changetype<usize>(doDestroy),
  changetype<usize>("guest reset GUEST"), changetype<usize>("starts again from clean memory"), changetype<usize>(doReset),
  changetype<usize>("guest pause GUEST"), changetype<usize>("its vCPUs stand still"), changetype<usize>(doPause),
  changetype<usize>("guest resume GUEST"), changetype<usize>("they go on"), changetype<usize>(doResume),
  changetype<usize>("guest kick GUEST"), changetype<usize>("wakes its vCPUs; starts it if it is off"), changetype<usize>(doKick),
  changetype<usize>("guest shutdown GUEST"), changetype<usize>("asks its kernel to power off"), changetype<usize>(doShutdown),
  changetype<usize>("guest crash GUEST [-j]"), changetype<usize>("why the hypervisor stopped it"), changetype<usize>(showCrash),
  changetype<usize>("guest console GUEST"), changetype<usize>("the same as Ctrl-] and its number"), changetype<usize>(guestConsole),
  changetype<usize>("guest dumpmem GUEST ADDRESS LENGTH [-j]"), changetype<usize>("its RAM"), changetype<usize>(guestDump),
  changetype<usize>("vcpu list [GUEST] [-j]"), changetype<usize>("hart, state and times of vCPUs"), changetype<usize>(vcpuList),
  changetype<usize>("vcpu pause GUEST VCPU"), changetype<usize>("it stands still"), changetype<usize>(vcpuPause),
  changetype<usize>("vcpu resume GUEST VCPU"), changetype<usize>("it goes on"), changetype<usize>(vcpuResume),
  changetype<usize>("vcpu dumpreg GUEST VCPU [-j]"), changetype<usize>("registers at its last exit"), changetype<usize>(vcpuRegisters),
  changetype<usize>("vcpu dumpstat GUEST VCPU [-j]"), changetype<usize>("what it used, why it exited"), changetype<usize>(vcpuStats),
  changetype<usize>("vcpu set_affinity GUEST VCPU HARTS"), changetype<usize>("where it may run, as 0,2-3"), changetype<usize>(vcpuAffinity),
  changetype<usize>("vcpu set_priority GUEST VCPU LEVEL"), changetype<usize>("0 (low) to 7"), changetype<usize>(vcpuPriority),
  changetype<usize>("vcpu set_weight GUEST VCPU AMOUNT"), changetype<usize>("1 to 10000, 256 is normal"), changetype<usize>(vcpuWeight),
  changetype<usize>("host info [-j]"), changetype<usize>("memory, interrupts and time"), changetype<usize>(hostInfo),
  changetype<usize>("host cpu [-j]"), changetype<usize>("the harts"), changetype<usize>(hostCpu),
  changetype<usize>("host ram [-j]"), changetype<usize>("who has which memory"), changetype<usize>(hostRam),
  changetype<usize>("host irq [-j]"), changetype<usize>("the host's own interrupts"), changetype<usize>(hostIrq),
  changetype<usize>("host disk [-j]"), changetype<usize>("its disks"), changetype<usize>(hostDisks),
  changetype<usize>("host net [-j]"), changetype<usize>("its NICs"), changetype<usize>(hostNets),
  changetype<usize>("host stats [-j]"), changetype<usize>("load since it was last asked for"), changetype<usize>(hostStats),
  changetype<usize>("vserial list [-j]"), changetype<usize>("the guests' serial lines"), changetype<usize>(vserialList),
  changetype<usize>("vserial bind GUEST"), changetype<usize>("shows that console here"), changetype<usize>(guestConsole),
  changetype<usize>("vserial dump GUEST [-j]"), changetype<usize>("its last output"), changetype<usize>(vserialDump),
  changetype<usize>("disk list [-j]"), changetype<usize>("the guests' disks"), changetype<usize>(diskList),
  changetype<usize>("disk attach GUEST DISK"), changetype<usize>("gives it a disk of the host"), changetype<usize>(diskAttach),
  changetype<usize>("disk detach GUEST INDEX"), changetype<usize>("takes that one away"), changetype<usize>(diskDetach),
  changetype<usize>("net list [-j]"), changetype<usize>("the guests' ports of switches"), changetype<usize>(netList),
  changetype<usize>("net attach GUEST SWITCH"), changetype<usize>("gives it a port"), changetype<usize>(netAttach),
  changetype<usize>("net detach GUEST INDEX"), changetype<usize>("takes that one away"), changetype<usize>(netDetach),
  changetype<usize>("memory dump ADDRESS LENGTH [-j]"), changetype<usize>("host RAM, 4 KiB at most"), changetype<usize>(memoryDump),
  changetype<usize>("devtree node show PATH [-j]"), changetype<usize>("a node of the host's tree"), changetype<usize>(devtreeShow),
  changetype<usize>("sched [-j]"), changetype<usize>("queues, policies and shares"), changetype<usize>(showSched),
  changetype<usize>("log [clear] [-j]"), changetype<usize>("the hypervisor's messages again"), changetype<usize>(showLog),
  changetype<usize>("reset"), changetype<usize>("restarts the machine"), changetype<usize>(restartMachine),
  changetype<usize>("shutdown"), changetype<usize>("powers the machine off"), changetype<usize>(powerOff),
], 8);
export const COMMAND_COUNT: u32 = 44;
