// SPDX-License-Identifier: Apache-2.0
// The terminal on the test host of host.testing.ts, with guests that are records only, and a tree of the host. Compiled
// only into test modules.
import { Guest, GUEST_RUNNING } from "../../guest/guest";
import { addGuest } from "../../guest/table";
import { Vcpu } from "../../guest/vcpu";
import { setHostTree } from "../../host/host-tree";
import { Lock, LOCK_SIZE, lockInit, RANK_GUEST } from "../../lib/lock";
import { MAX_VCPUS } from "../../limits";
import { allocate } from "../../mem/arena";
import { ramAddBank, ramTake } from "../../mem/ram";
import { schedAdd } from "../../sched/sched";
import { terminalInit } from "./terminal";

export * from "../../host/host.testing";

/** Shows the prompt and listens. */
export function testTerminal(): i32 {
  return terminalInit();
}

/** A guest in the table, with a NUL-terminated name and stopped vCPUs; answers its record. */
export function testRecord(name: usize, vcpus: u32): usize {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  const lock = changetype<Lock>(allocate(LOCK_SIZE));
  lockInit(lock, RANK_GUEST);
  guest.lock = lock;
  guest.name = name;
  guest.state = GUEST_RUNNING;
  guest.ramSize = 0x200_0000;
  guest.vcpuCount = vcpus;
  guest.vcpus = allocate(MAX_VCPUS * sizeof<usize>());
  for (let i: u32 = 0; i < vcpus; i++) {
    const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>()));
    vcpu.guest = guest;
    vcpu.index = i;
    vcpu.priority = 3;
    vcpu.x10 = 0xabc0 + i;
    store<usize>(guest.vcpus + i * sizeof<usize>(), changetype<usize>(vcpu));
    schedAdd(vcpu);
  }
  addGuest(guest);
  return changetype<usize>(guest);
}

/** A checked tree of the host. */
export function testTree(tree: usize): void {
  setHostTree(tree);
}

/** 64 MiB of RAM from `hpa` on, of which owner 1 has the last 2 MiB. */
export function testRam(hpa: u64): void {
  ramAddBank(hpa, 0x400_0000);
  ramTake(1, 0x20_0000, 1);
}
