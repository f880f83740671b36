// SPDX-License-Identifier: Apache-2.0
// DBCN: a guest's debug console. Bytes go the way of its UART's; addresses are checked against the guest's own RAM
// and never reach firmware. A call moves at most one piece; the guest asks again for the rest. @spec sbi §12
import { thisHart } from "../../../host/hart";
import { consoleGuestOutput } from "../../../host/console";
import { ringFree, ringPut, ringTake } from "../../../lib/ring";
import { acquire, release } from "../../../lib/lock";
import { Status } from "../../../lib/status";
import { inGuestRam, readGuest, writeGuest } from "../../../guest/memory";
import { Vcpu } from "../../../guest/vcpu";
import {
  SBI_DBCN_CONSOLE_READ,
  SBI_DBCN_CONSOLE_WRITE,
  SBI_DBCN_CONSOLE_WRITE_BYTE,
  SBI_ERR_FAILED,
  SBI_ERR_NOT_SUPPORTED,
} from "../sbi-spec";
import { failWith, invalid, succeed } from "./result";

/** Bytes that one call moves at most. */
const PIECE: u32 = 256;
/** One piece per hart. @lock none: each hart uses its own. */
const buffers: usize = memory.data(4096, 8);

export function sbiDbcn(vcpu: Vcpu, func: u64): void {
  if (func > SBI_DBCN_CONSOLE_WRITE_BYTE) {
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
    return;
  }
  if (func != SBI_DBCN_CONSOLE_WRITE_BYTE && (vcpu.x12 != 0 || !inGuestRam(vcpu.guest, vcpu.x11, vcpu.x10))) {
    invalid(vcpu);
    return;
  }
  acquire(vcpu.guest.lock);
  if (func == SBI_DBCN_CONSOLE_WRITE) write(vcpu);
  else if (func == SBI_DBCN_CONSOLE_READ) read(vcpu);
  else writeByte(vcpu);
  consoleGuestOutput(vcpu.guest.console);
  release(vcpu.guest.lock);
}

function buffer(): usize {
  return buffers + thisHart().index * PIECE;
}

function write(vcpu: Vcpu): void {
  const at = buffer();
  const length = <u32>min<u64>(vcpu.x10, PIECE);
  if (readGuest(vcpu.guest, at, vcpu.x11, length) != Status.Ok) {
    invalid(vcpu);
    return;
  }
  let done: u32 = 0;
  const tx = vcpu.guest.console.tx;
  while (done < length && ringFree(tx) != 0) {
    ringPut(tx, load<u8>(at + done));
    done += 1;
  }
  succeed(vcpu, done);
}

function read(vcpu: Vcpu): void {
  const at = buffer();
  const most = <u32>min<u64>(vcpu.x10, PIECE);
  let length: u32 = 0;
  while (length < most) {
    const byte = ringTake(vcpu.guest.console.rx);
    if (byte < 0) break;
    store<u8>(at + length, <u8>byte);
    length += 1;
  }
  if (writeGuest(vcpu.guest, vcpu.x11, at, length) != Status.Ok) invalid(vcpu);
  else succeed(vcpu, length);
}

function writeByte(vcpu: Vcpu): void {
  if (ringPut(vcpu.guest.console.tx, <u32>(vcpu.x10 & 0xff))) succeed(vcpu, 0);
  else failWith(vcpu, SBI_ERR_FAILED);
}
