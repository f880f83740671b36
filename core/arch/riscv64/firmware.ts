// SPDX-License-Identifier: Apache-2.0
// What the host asks of its firmware beside timers and interrupts: a console of last resort, and the end of the
// machine. Called at boot, from traps and workers of any hart. Never sees a guest's pointer.
// @spec sbi §10, §12
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import {
  SBI_DBCN_CONSOLE_READ,
  SBI_DBCN_CONSOLE_WRITE_BYTE,
  SBI_EXT_DBCN,
  SBI_EXT_SRST,
  SBI_SRST_REASON_NONE,
  SBI_SRST_SYSTEM_RESET,
  SBI_SRST_TYPE_COLD_REBOOT,
  SBI_SRST_TYPE_SHUTDOWN,
  SBI_SUCCESS,
} from "./sbi-spec";
import { thisHart } from "../../host/hart";

// @lock console: one byte, for firmware to write to.
const cell: usize = memory.data(8, 8);

/** Writes a byte to firmware's console; without one the byte is gone. */
export function firmwarePut(byte: u32): void {
  hw.sbi(<u32>SBI_EXT_DBCN, <u32>SBI_DBCN_CONSOLE_WRITE_BYTE, byte, 0, 0);
}

/** A byte from firmware's console, or -1 when there is none. */
export function firmwareTake(): i32 {
  const hpa = hw.linearBase() + <u64>cell;
  if (hw.sbi(<u32>SBI_EXT_DBCN, <u32>SBI_DBCN_CONSOLE_READ, 1, hpa, 0) != SBI_SUCCESS) return -1;
  return thisHart().sbiValue == 1 ? load<u8>(cell) : -1;
}

/** Powers the machine off; comes back only if firmware cannot. */
export function hostShutdown(): i32 {
  return reset(SBI_SRST_TYPE_SHUTDOWN);
}

/** Restarts the machine; comes back only if firmware cannot. */
export function hostReset(): i32 {
  return reset(SBI_SRST_TYPE_COLD_REBOOT);
}

function reset(kind: u64): i32 {
  hw.sbi(<u32>SBI_EXT_SRST, <u32>SBI_SRST_SYSTEM_RESET, kind, SBI_SRST_REASON_NONE, 0);
  return Status.Unsupported;
}
