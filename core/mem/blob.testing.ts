// SPDX-License-Identifier: Apache-2.0
// Blobs on a test host with RAM of its own. Compiled only into test modules.
import { crc32Init } from "../lib/crc32";
import { schedInit } from "../sched/sched";
import { newHart } from "../host/harts";
import { blobById, blobDrop, blobDropAll, blobOpen, blobOpened, blobsInit, blobWrite } from "./blob";
import { arenaInit } from "./arena";
import { ramAddBank } from "./ram";

export { blobCount, blobHold, blobRelease, blobsClear } from "./blob";
export { crc32 } from "../lib/crc32";
export { ramFree } from "./ram";

/** Memory [from, to) becomes the arena, `size` bytes from `hpa` on the host's RAM; answers the record of the one hart. */
export function testHart(from: usize, to: usize): usize {
  arenaInit(from, to);
  return changetype<usize>(newHart(100));
}

export function testBlobs(hpa: u64, size: u64): i32 {
  crc32Init();
  schedInit(1);
  ramAddBank(hpa, size);
  return blobsInit();
}

/** The number of the blob that was opened, or a status. */
export function testOpen(size: u64, crc: u32, digest: usize): i32 {
  const status = blobOpen(size, crc, digest);
  return status == 0 ? <i32>blobOpened().id : status;
}

export function testWrite(id: u32, position: u64, ptr: usize, length: u32): i32 {
  const blob = blobById(id);
  return changetype<usize>(blob) != 0 ? blobWrite(blob, position, ptr, length) : -3;
}

export function testDrop(id: u32): i32 {
  const blob = blobById(id);
  if (changetype<usize>(blob) == 0) return -3;
  blobDrop(blob);
  return 0;
}

export function testDropAll(): void {
  blobDropAll();
}

export function testState(id: u32): u32 {
  const blob = blobById(id);
  return changetype<usize>(blob) != 0 ? blob.state : 0;
}

export function testPosition(id: u32): u64 {
  return blobById(id).position;
}

export function testHpa(id: u32): u64 {
  return blobById(id).hpa;
}
