// SPDX-License-Identifier: Apache-2.0
// Which function carries out which operation. Lengths and session are checked by session.ts; `bytes` is the length of the
// whole body. Each answers a status and has put what it answers into answer.ts. Called in the channel's worker.
import { Status } from "../../lib/status";
import * as wire from "../wire";
import { listBlobs, openBlob, dropBlob, writeBlob } from "./blobs";
import { changeGuest, createGuest } from "./change";
import { changeHost, changeTrace } from "./change-host";
import { changeCount, changeVcpu } from "./change-vcpus";
import { answerCrash, listCrashExits, listCrashRegisters } from "./crash";
import { attachTo, detachFrom, limitDevice } from "./devices";
import { listDisks } from "./disks";
import { listHostDisks } from "./host-disks";
import { listGuests, readMemory } from "./guests";
import { answerPoll } from "./hello";
import { answerHost } from "./host";
import { listHarts, listInterrupts, listMemory } from "./host-parts";
import { listNets } from "./nets";
import { listNics } from "./nics";
import { listSwitches } from "./switches";
import { readStream, writeConsole } from "./streams";
import { listExits, listRegisters, listVcpus } from "./vcpus";

export function perform(operation: u32, body: usize, bytes: u32): i32 {
  switch (operation) {
    case wire.OPERATION_BYE:
      return Status.Ok;
    case wire.OPERATION_POLL:
      return answerPoll();
    case wire.OPERATION_HOST_INFO:
      return answerHost();
    case wire.OPERATION_HARTS:
      return listHarts(body);
    case wire.OPERATION_MEMORY:
      return listMemory(body);
    case wire.OPERATION_IRQS:
      return listInterrupts(body);
    case wire.OPERATION_GUESTS:
      return listGuests(body);
    case wire.OPERATION_VCPUS:
      return listVcpus(body);
    case wire.OPERATION_EXITS:
      return listExits(body);
    case wire.OPERATION_REGISTERS:
      return listRegisters(body);
    case wire.OPERATION_CRASH:
      return answerCrash(body);
    case wire.OPERATION_CRASH_TRAIL:
      return listCrashExits(body);
    case wire.OPERATION_CRASH_REGISTERS:
      return listCrashRegisters(body);
    case wire.OPERATION_READ:
      return readStream(body);
    case wire.OPERATION_WRITE:
      return writeConsole(body, bytes);
    case wire.OPERATION_MEMORY_READ:
      return readMemory(body);
    default:
      return performOther(operation, body, bytes);
  }
}

function performOther(operation: u32, body: usize, bytes: u32): i32 {
  switch (operation) {
    case wire.OPERATION_BLOBS:
      return listBlobs(body);
    case wire.OPERATION_BLOB_OPEN:
      return openBlob(body);
    case wire.OPERATION_BLOB_WRITE:
      return writeBlob(body, bytes);
    case wire.OPERATION_BLOB_DROP:
      return dropBlob(body);
    case wire.OPERATION_CREATE:
      return createGuest(body);
    case wire.OPERATION_GUEST_ACTION:
      return changeGuest(body);
    case wire.OPERATION_VCPU_ACTION:
      return changeVcpu(body);
    case wire.OPERATION_VCPU_COUNT:
      return changeCount(body);
    case wire.OPERATION_HOST_ACTION:
      return changeHost(body);
    case wire.OPERATION_TRACE_CONTROL:
      return changeTrace(body);
    default:
      return performOnDevice(operation, body, bytes);
  }
}

function performOnDevice(operation: u32, body: usize, bytes: u32): i32 {
  switch (operation) {
    case wire.OPERATION_HOST_DISKS:
      return listHostDisks(body);
    case wire.OPERATION_SWITCHES:
      return listSwitches(body);
    case wire.OPERATION_NICS:
      return listNics(body);
    case wire.OPERATION_DISKS:
      return listDisks(body);
    case wire.OPERATION_NETS:
      return listNets(body);
    case wire.OPERATION_DEVICE_ATTACH:
      return attachTo(body, bytes);
    case wire.OPERATION_DEVICE_DETACH:
      return detachFrom(body);
    case wire.OPERATION_DEVICE_LIMITS:
      return limitDevice(body);
    default:
      return Status.Unsupported;
  }
}
