// SPDX-License-Identifier: Apache-2.0
// What there is to say about a host: `typeone info`, `typeone host info`, `typeone host stats`.
import type { Context } from "../context.ts";
import type { HostInfo } from "../host-client.ts";
import { bytes, count, duration } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { facts } from "../output/table.ts";

export function printHostInfo(context: Context, host: HostInfo): undefined {
  if (context.format === "json") return void printJson(context, host) as undefined;
  const { memory, own } = host;
  const pairs: [string, string | undefined][] = [
    ["host", host.name],
    ["hypervisor", `TypeOne ${host.release} for ${host.architecture}, build ${host.build}`],
    ["started from", host.file],
    ["up", duration(host.uptimeNs / 1e9)],
    ["harts", String(host.harts)],
    ["guests", `${host.guests} of at most ${host.guestLimit}, up to ${host.vcpuLimit} vCPUs each`],
    ["memory", `${bytes(memory.freeBytes)} free of ${bytes(memory.totalBytes)} for guests`],
    ["own memory", `${bytes(own.usedBytes)} used, ${bytes(own.freeBytes)} kept`],
    ["stage 2", `${host.stage2Levels} levels`],
    ["interrupts", host.interrupts],
    ["console", host.console],
    ["timebase", `${count(host.ticksPerSecond)} Hz`],
    ["channel", `${host.channel.state}, heard ${duration(host.channel.lastHeardMs / 1000)} ago`],
    ["processes", `QEMU ${host.qemuPid}, background ${host.daemonPid}`],
    ["files", host.runDir],
  ];
  printLine(context, facts(pairs, context.style));
  return undefined;
}

/** The hypervisor's counters: what must come back to where it was. */
export function printHostStats(context: Context, host: HostInfo): undefined {
  const { channel } = host;
  const stats = {
    guests: host.guests,
    vcpus: host.entities,
    memoryFreeBytes: host.memory.freeBytes,
    memoryTotalBytes: host.memory.totalBytes,
    ownUsedBytes: host.own.usedBytes,
    ownFreeBytes: host.own.freeBytes,
    tablePagesFree: host.tables.free,
    tablePagesTotal: host.tables.total,
    timersArmed: host.timersArmed,
    vmidsInUse: host.vmidsInUse,
    linesRaised: host.lines,
    blobs: host.blobs,
    unownedInterrupts: host.unownedInterrupts,
    consoleBytesLost: host.hostBytesLost,
    framesReceived: channel.hypervisor.good,
    framesBad: channel.hypervisor.bad,
    framesReceivedHere: channel.daemon.good,
    framesBadHere: channel.daemon.bad,
    framesResent: channel.resent,
  };
  if (context.format === "json") return void printJson(context, stats) as undefined;
  const lines: [string, string][] = [
    ["guests", `${stats.guests} of ${host.guestLimit}`],
    ["vCPUs", count(stats.vcpus)],
    ["memory free", `${bytes(stats.memoryFreeBytes)} of ${bytes(stats.memoryTotalBytes)}`],
    ["own memory", `${bytes(stats.ownUsedBytes)}, ${bytes(stats.ownFreeBytes)} kept`],
    ["stage-2 pages", `${count(stats.tablePagesFree)} free of ${count(stats.tablePagesTotal)}`],
    ["timers armed", count(stats.timersArmed)],
    ["VMIDs in use", count(stats.vmidsInUse)],
    ["lines raised", count(stats.linesRaised)],
    ["blobs", count(stats.blobs)],
    ["unowned interrupts", count(stats.unownedInterrupts)],
    ["console bytes lost", count(stats.consoleBytesLost)],
    ["frames to the host", `${count(stats.framesReceived)} good, ${count(stats.framesBad)} bad`],
    ["frames from the host", `${count(stats.framesReceivedHere)} good, ${count(stats.framesBadHere)} bad`],
    ["frames resent", count(stats.framesResent)],
  ];
  printLine(context, facts(lines, context.style));
  return undefined;
}
