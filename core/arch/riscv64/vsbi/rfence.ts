// SPDX-License-Identifier: Apache-2.0
// RFENCE: fences on several vCPUs. For the caller itself it is the instruction; for a vCPU on another hart firmware
// runs it there and waits, so two vCPUs that fence each other cannot lock up; for one that is off its hart it is a
// request that is done before it next enters. @spec sbi §8
import * as hw from "../../../hw";
import { Guest } from "../../../guest/guest";
import { REQUEST_FENCE, REQUEST_FENCE_I, Vcpu } from "../../../guest/vcpu";
import { hartByIndex } from "../../../host/harts";
import { CSR_HGATP, HGATP_VMID_MASK, HGATP_VMID_SHIFT } from "../csr";
import {
  SBI_ERR_INVALID_ADDRESS,
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_RFENCE,
  SBI_RFENCE_FENCE_I,
  SBI_RFENCE_HFENCE_VVMA,
  SBI_RFENCE_SFENCE_VMA,
  SBI_RFENCE_SFENCE_VMA_ASID,
} from "../sbi-spec";
import { BAD_MASK, vcpuMask, vcpuOf } from "./mask";
import { failWith, invalid, succeed } from "./result";

/** More pages than this are forgotten all at once. */
const MOST_PAGES: u64 = 32;
const ASID_MASK: u64 = 0xffff;

export function sbiRfence(vcpu: Vcpu, func: u64): void {
  if (func > SBI_RFENCE_SFENCE_VMA_ASID) {
    // The guest has no hypervisor extension, hence no guests of its own to fence.
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
    return;
  }
  const mask = vcpuMask(vcpu.guest, vcpu.x10, vcpu.x11);
  if (mask == BAD_MASK) {
    invalid(vcpu);
    return;
  }
  if (func != SBI_RFENCE_FENCE_I && wraps(vcpu.x12, vcpu.x13)) {
    failWith(vcpu, SBI_ERR_INVALID_ADDRESS);
    return;
  }
  const self = (<u64>1) << (<u64>vcpu.index);
  if (mask & self) fenceHere(vcpu, func);
  if (mask & ~self) fenceOthers(vcpu.guest, mask & ~self, func == SBI_RFENCE_FENCE_I ? REQUEST_FENCE_I : REQUEST_FENCE);
  succeed(vcpu, 0);
}

/** All ones for the size means everything, whatever the start. */
function wraps(start: u64, size: u64): bool {
  return size != 0 && size != u64.MAX_VALUE && start + size - 1 < start;
}

function fenceHere(vcpu: Vcpu, func: u64): void {
  if (func == SBI_RFENCE_FENCE_I) {
    hw.fenceInstructions();
    return;
  }
  const asid: i64 = func == SBI_RFENCE_SFENCE_VMA ? -1 : <i64>(vcpu.x14 & ASID_MASK);
  const start = vcpu.x12;
  const size = vcpu.x13;
  if (size == 0 || size > MOST_PAGES << 12) {
    hw.fenceGuest(asid);
    return;
  }
  const last = (start + size - 1) >> 12;
  for (let page = start >> 12; page <= last; page++) hw.fenceGuestPage(page << 12, asid);
}

function fenceOthers(guest: Guest, mask: u64, request: u32): void {
  for (let index: u64 = 0; mask >> index != 0; index++) {
    if (!((mask >> index) & 1)) continue;
    const target = vcpuOf(guest, index);
    // Set first, then look: a vCPU that comes onto a hart meanwhile sees the request, one that is there gets the fence.
    hw.atomicOr(changetype<usize>(target) + offsetof<Vcpu>("requests"), request);
    const residence = hw.atomicLoad(changetype<usize>(target) + offsetof<Vcpu>("residence"));
    if (residence) fenceRemotely(target, hartByIndex(residence - 1).id, request);
  }
}

/** Firmware's fence works on the caller's VMID; after a change of generation the target may still run under its old one. */
function fenceRemotely(target: Vcpu, hart: u64, request: u32): void {
  if (request == REQUEST_FENCE_I) {
    hw.sbi(<u32>SBI_EXT_RFENCE, <u32>SBI_RFENCE_FENCE_I, 1, hart, 0);
    return;
  }
  const own = hw.csrRead(CSR_HGATP);
  hw.csrWrite(CSR_HGATP, (own & ~HGATP_VMID_MASK) | ((<u64>target.loadedVmid) << HGATP_VMID_SHIFT));
  hw.sbi(<u32>SBI_EXT_RFENCE, <u32>SBI_RFENCE_HFENCE_VVMA, 1, hart, 0);
  hw.csrWrite(CSR_HGATP, own);
}
