// SPDX-License-Identifier: Apache-2.0
// What quickLoad's test needs: the bus's fixtures and a vCPU's fields. Compiled only into test modules.
import { EXIT_MMIO_LOAD, exitCount } from "../../guest/exit";
import { TRAIL_BYTES } from "../../limits";
import { Guest } from "../../guest/guest";
import { Vcpu } from "../../guest/vcpu";
import { allocate } from "../../mem/arena";
import { vcpuOf } from "../../mmio/bus.testing";

export * from "../../mmio/bus.testing";
export { quickLoad } from "./quick-load";

export const X0: u32 = offsetof<Vcpu>("hart");
export const PC: u32 = offsetof<Vcpu>("pc");

/** vCPU 0 of a guest from testGuest, able to count its exits. */
export function testVcpu(guest: Guest): usize {
  const vcpu = changetype<Vcpu>(vcpuOf(guest, 0));
  vcpu.guest = guest;
  vcpu.trail = allocate(TRAIL_BYTES, TRAIL_BYTES);
  return changetype<usize>(vcpu);
}

export function loadsCounted(vcpu: Vcpu): u64 {
  return exitCount(vcpu, EXIT_MMIO_LOAD);
}
