// SPDX-License-Identifier: Apache-2.0
// A request to a disk, as front ends make it, backends pass it on and the host's drivers take it. The record is its
// caller's until `done` was called; what it points to (segments) counts only while it is being submitted. Any context.

// ---- kind
export const DISK_READ: u32 = 0;
export const DISK_WRITE: u32 = 1;
export const DISK_FLUSH: u32 = 2;
/** What the sectors held is not needed any more; what is read there afterwards is anything that the disk once held, or zeros. */
export const DISK_DISCARD: u32 = 3;
export const DISK_ZEROES: u32 = 4;

export const SECTOR_SHIFT: u64 = 9;

@unmanaged
export class DiskRequest {
  /** DISK_*. */
  kind: u32 = 0;
  /** Filled in before `done`: Ok, Io, or Unsupported. */
  status: i32 = 0;
  /** Sectors of 512 bytes; the caller checked that they lie in the disk. */
  sector: u64 = 0;
  sectors: u64 = 0;
  /** Linear address of Segments (dev/virtio/chain.ts) of exactly `sectors` * 512 bytes in all; none but for read and write. */
  segments: usize = 0;
  segmentCount: u32 = 0;
  /** Function table index of `(request: usize) => void`; called during submit, or later from an interrupt. */
  done: u32 = 0;
  /** The caller's. */
  owner: usize = 0;
}

/** It is over, with that status. */
export function requestDone(request: DiskRequest, status: i32): void {
  request.status = status;
  call_indirect<void>(request.done, changetype<usize>(request));
}
