// SPDX-License-Identifier: Apache-2.0
// Blobs: open, write, drop, list. What they are is mem/blob.ts. Called in the channel's worker.
import { Status } from "../../lib/status";
import {
  Blob,
  BLOB_BAD,
  BLOB_OPEN,
  blobAt,
  blobById,
  blobDrop,
  blobOpen,
  blobOpened,
  blobRefusal,
  blobWrite,
  digestOf,
  MAX_BLOBS,
} from "../../mem/blob";
import {
  WIRE_BLOB_INFO_DIGEST,
  WIRE_BLOB_INFO_DIGEST_SIZE,
  WIRE_BLOB_INFO_SIZE,
  WIRE_BLOB_OPEN_DIGEST,
  WIRE_BLOB_POSITION_SIZE,
  WIRE_BLOB_WRITE_SIZE,
  WireBlobHandle,
  WireBlobInfo,
  WireBlobOpen,
  WireBlobPosition,
  WireBlobWrite,
  WireFrom,
} from "../wire-structs";
import { addRecord, refuse } from "./answer";

export function openBlob(body: usize): i32 {
  const ask = changetype<WireBlobOpen>(body);
  const status = blobOpen(ask.size, ask.crc, body + WIRE_BLOB_OPEN_DIGEST);
  if (status != Status.Ok) return refuse(status, blobRefusal());
  addBlob(blobOpened());
  return status;
}

export function writeBlob(body: usize, bytes: u32): i32 {
  const ask = changetype<WireBlobWrite>(body);
  const blob = blobById(ask.id);
  if (changetype<usize>(blob) == 0) return Status.NotFound;
  const status = blobWrite(blob, ask.position, body + WIRE_BLOB_WRITE_SIZE, bytes - WIRE_BLOB_WRITE_SIZE);
  if (status == Status.Range) return refuse(status, "more bytes than the blob has");
  const answer = changetype<WireBlobPosition>(addRecord(WIRE_BLOB_POSITION_SIZE));
  answer.position = blob.position;
  answer.state = blob.state;
  return Status.Ok;
}

export function dropBlob(body: usize): i32 {
  const blob = blobById(changetype<WireBlobHandle>(body).id);
  if (changetype<usize>(blob) == 0) return Status.NotFound;
  blobDrop(blob);
  return Status.Ok;
}

/** From slot `from` on. */
export function listBlobs(body: usize): i32 {
  for (let i = changetype<WireFrom>(body).from; i < MAX_BLOBS; i++) {
    const blob = blobAt(i);
    if (blob.state >= BLOB_OPEN && blob.state <= BLOB_BAD && !addBlob(blob)) break;
  }
  return Status.Ok;
}

function addBlob(blob: Blob): bool {
  const at = addRecord(WIRE_BLOB_INFO_SIZE);
  if (!at) return false;
  const info = changetype<WireBlobInfo>(at);
  info.id = blob.id;
  info.state = blob.state;
  info.size = blob.size;
  info.position = blob.position;
  info.owners = blob.owners;
  memory.copy(at + WIRE_BLOB_INFO_DIGEST, digestOf(blob), WIRE_BLOB_INFO_DIGEST_SIZE);
  return true;
}
