// SPDX-License-Identifier: Apache-2.0
// What the tests of the simulated machine share: domains with defaults, the guest's own device tree, and guest code
// that several tests use.
import { parse, type FdtTree } from "@typeone/fdt";
import {
  type Cpu,
  CSR,
  csrRead,
  csrWrite,
  type DomainOptions,
  ecall,
  EID,
  type GuestCode,
  Machine,
  type MachineOptions,
  program,
  type Program,
  readBytes,
  useTraps,
  wfi,
} from "@typeone/sim";

export const MIB = 1024 * 1024;

/** A domain of 64 MiB and one vCPU, with slices so short that a test sees many of them. */
export function domain(name: string, kernel: Program | Uint8Array, more: Partial<DomainOptions> = {}): DomainOptions {
  return {
    name,
    kernel,
    memoryKiB: 64 * 1024,
    cpus: 1,
    ...more,
    properties: { "typeone,slice-us": 20, ...more.properties },
  };
}

/** A booted machine. */
export async function machineWith(domains: readonly DomainOptions[], options: MachineOptions = {}): Promise<Machine> {
  return (await Machine.create({ ...options, domains })).boot();
}

/** Whether every guest has said `word`. */
export function allSaid(machine: Machine, word: string): boolean {
  return machine.guests.every((guest) => guest.log.includes(word));
}

/** The guest's device tree, read through stage 2 from where a1 says. */
export function* readTree(cpu: Cpu): GuestCode<FdtTree> {
  const header = yield* readBytes(cpu.opaque, 8);
  const size = new DataView(header.buffer).getUint32(4);
  return parse(yield* readBytes(cpu.opaque, size));
}

/** Base and size of the guest's RAM as its tree says. */
export function memoryOf(tree: FdtTree): { base: bigint; size: bigint } {
  const memory = [...tree.nodes()].find((node) => node.string("device_type") === "memory");
  const [high = 0, low = 0, sizeHigh = 0, sizeLow = 0] = memory?.cells("reg") ?? [];
  return { base: (BigInt(high) << 32n) | BigInt(low), size: (BigInt(sizeHigh) << 32n) | BigInt(sizeLow) };
}

/** Base address of the first node that is compatible with `model`. */
export function deviceAt(tree: FdtTree, model: string): bigint {
  const [high = 0, low = 0] = tree.compatible(model)[0]?.cells("reg") ?? [];
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Turns the guest's floating point on. */
export function* floatingOn(): GuestCode {
  yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) | 0x2000n);
}

/** Waits until `ready`, as a kernel does: interrupts are off between the look and the WFI, which a pending one ends. */
export function* waitFor(ready: () => boolean): GuestCode {
  for (;;) {
    yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) & ~2n);
    if (!ready()) yield* wfi();
    yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) | 2n);
    if (ready()) return;
  }
}

/** Sleeps for ever. */
export function* sleep(): GuestCode {
  for (;;) yield* wfi();
}

export function* shutdown(): GuestCode {
  yield* ecall(EID.srst, 0n, 0n, 0n);
}

export function* reboot(): GuestCode {
  yield* ecall(EID.srst, 0n, 1n, 0n);
}

/** Runs guest code on hart 0 of a guest with two vCPUs beside a quiet neighbour, and checks the machine afterwards. */
export async function inGuest(body: (cpu: Cpu) => GuestCode, cpus = 2) {
  const failures: unknown[] = [];
  const guest = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      try {
        yield* body(cpu);
      } catch (error) {
        failures.push(error);
      }
      cpu.guest.log.push("done");
      yield* sleep();
    },
    routines: [sleep],
  });
  const quiet = program({
    *boot(cpu) {
      cpu.guest.log.push("done");
      yield* sleep();
    },
  });
  const machine = await machineWith([domain("tested", guest, { cpus }), domain("quiet", quiet)]);
  machine.runUntil(() => allSaid(machine, "done"), { maxSteps: 400_000 });
  if (failures.length > 0) throw failures[0];
  machine.check();
  return machine;
}
