// SPDX-License-Identifier: Apache-2.0
// sched: the queue of each hart, then the share of each vCPU. Called by the terminal's worker; what others change
// meanwhile may be a moment old.
import { guestCount } from "../../guest/table";
import { hartByIndex, hartCount } from "../../host/harts";
import { MAX_VCPUS } from "../../limits";
import { TIMER_OFF } from "../../arch/seam";
import { queueOf } from "../../sched/queue";
import { closeRow, newTable, openRow, showHex, showNumber, showText, showTime, showWord } from "./out";
import { policyName, vcpuOfStep } from "./vcpu";

export function showSched(step: u32): u32 {
  if (step < hartCount()) return showQueue(step);
  if (step == hartCount()) newTable();
  const index = step - hartCount();
  if (index >= guestCount() * MAX_VCPUS) return 0;
  const vcpu = vcpuOfStep(index);
  if (changetype<usize>(vcpu) == 0) return 1;
  openRow();
  do {
    showNumber("vcpu", 6, vcpu.index);
    showText("guest", 14, vcpu.guest.name);
    showWord("policy", 11, policyName(vcpu));
    showNumber("prio", 5, vcpu.priority);
    showNumber("weight", 7, vcpu.weight);
    showTime("slice", 8, vcpu.slice);
    showTime("period", 9, vcpu.period);
    showTime("budget", 9, vcpu.budget);
    showHex("harts", 7, vcpu.affinity & ((1 << hartCount()) - 1));
  } while (closeRow());
  return 1;
}

function showQueue(index: u32): u32 {
  const queue = queueOf(index);
  openRow();
  do {
    showNumber("hart", 6, index);
    showNumber("members", 9, queue.members);
    showNumber("ready", 7, queue.ready);
    showNumber("idle", 6, queue.idle);
    showNumber("contended", 11, hartByIndex(index).contended);
    showNumber("tickless", 10, hartByIndex(index).sliceEnd == TIMER_OFF ? 1 : 0);
    showNumber("budgetPermille", 15, queue.utilization);
  } while (closeRow());
  return 1;
}
