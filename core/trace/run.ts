// SPDX-License-Identifier: Apache-2.0
// What the loop of a hart (guest/run.ts) writes into the trace: exits, who comes and goes, interrupts into guests, the
// hypervisor's own work. Trap context, and only while this hart traces something. Decides nothing.
import { linesRaised } from "../arch/seam";
import { EXIT_OTHER, EXIT_SBI_OTHER } from "../guest/exit-kinds";
import { lastExit } from "../guest/exit";
import { Guest } from "../guest/guest";
import { REQUEST_EXTERNAL, REQUEST_SOFT, REQUEST_TIMER, Vcpu } from "../guest/vcpu";
import { Hart } from "../host/hart";
import { Entity, KIND_WORKER } from "../sched/entity";
import { Worker } from "../sched/worker";
import { ringOf, traceBegin, traceCommit, traced, TraceRecord } from "./ring";
import {
  TRACE_ENTER,
  TRACE_EXIT,
  TRACE_INJECT,
  TRACE_LINE_EXTERNAL,
  TRACE_LINE_SOFT,
  TRACE_LINE_TIMER,
  TRACE_SWITCH,
  TRACE_WHO_VCPU,
  TRACE_WHO_WORKER,
  TRACE_WORKER,
} from "./spec";

/** An exit was dealt with: the vCPU goes on, or the scheduler is next. */
export function traceExit(vcpu: Vcpu, hart: Hart): void {
  if (traced(hart, TRACE_EXIT)) {
    const last = lastExit(vcpu);
    const record = about(vcpu, TRACE_EXIT);
    record.duration = since(hart.exitTime, record.time);
    if (last.traced) {
      // An exit that nobody counted, such as an instruction that was gone when it was to be read.
      record.a = vcpu.pc;
      record.sub = <u8>EXIT_OTHER;
    } else {
      record.a = last.pc;
      record.b = last.kind <= EXIT_SBI_OTHER ? last.detail | (last.func << 32) : last.detail;
      record.sub = <u8>last.kind;
      last.traced = 1;
    }
    traceCommit();
  }
  traceInjected(vcpu, hart);
}

/** Interrupts of the guest that have come up since `exitLines` was taken. */
export function traceInjected(vcpu: Vcpu, hart: Hart): void {
  if (!traced(hart, TRACE_INJECT)) return;
  const raised = linesRaised(hart.exitLines);
  if (raised & REQUEST_SOFT) inject(vcpu, TRACE_LINE_SOFT);
  if (raised & REQUEST_TIMER) inject(vcpu, TRACE_LINE_TIMER);
  if (raised & REQUEST_EXTERNAL) inject(vcpu, TRACE_LINE_EXTERNAL);
}

function inject(vcpu: Vcpu, line: u32): void {
  about(vcpu, TRACE_INJECT).sub = <u8>line;
  traceCommit();
}

/** The vCPU is entered by way of the scheduler. */
export function traceEnter(vcpu: Vcpu, hart: Hart): void {
  if (!traced(hart, TRACE_ENTER)) return;
  about(vcpu, TRACE_ENTER).a = vcpu.pc;
  traceCommit();
}

/** schedNext chose `entity` (0: nobody). */
export function traceSwitch(entity: Entity, hart: Hart): void {
  const ring = ringOf(hart);
  if (ring.current == changetype<usize>(entity)) return;
  const before = changetype<Entity>(ring.current);
  ring.current = changetype<usize>(entity);
  if (!traced(hart, TRACE_SWITCH)) return;
  const record = traceBegin(TRACE_SWITCH);
  record.a = who(entity);
  record.b = who(before);
  if (changetype<usize>(before)) record.sub = <u8>before.state;
  name(record, entity);
  traceCommit();
}

/** A worker ran a piece that began at `began`, for `guest` if that is not 0. */
export function traceWorker(worker: Worker, hart: Hart, began: u64): void {
  if (!traced(hart, TRACE_WORKER)) return;
  const record = traceBegin(TRACE_WORKER);
  record.a = who(worker);
  record.duration = since(began, record.time);
  if (hart.workingFor) record.guest = <u8>(changetype<Guest>(hart.workingFor).id + 1);
  traceCommit();
}

/** What records call an entity. */
export function who(entity: Entity): u64 {
  if (changetype<usize>(entity) == 0) return 0;
  if (entity.kind == KIND_WORKER) return TRACE_WHO_WORKER | (changetype<Worker>(entity).run & 0xffff);
  const vcpu = changetype<Vcpu>(entity);
  return TRACE_WHO_VCPU | ((vcpu.guest.id + 1) << 8) | vcpu.index;
}

/** The record is about that entity. */
export function name(record: TraceRecord, entity: Entity): void {
  if (changetype<usize>(entity) == 0 || entity.kind == KIND_WORKER) return;
  const vcpu = changetype<Vcpu>(entity);
  record.guest = <u8>(vcpu.guest.id + 1);
  record.vcpu = <u8>vcpu.index;
}

function about(vcpu: Vcpu, kind: u32): TraceRecord {
  const record = traceBegin(kind);
  name(record, vcpu);
  return record;
}

function since(began: u64, ended: u64): u32 {
  return <u32>min(ended - began, <u64>u32.MAX_VALUE);
}
