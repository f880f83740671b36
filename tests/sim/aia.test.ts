// SPDX-License-Identifier: Apache-2.0
// AIA guests in the whole core, with and without guest interrupt files of the harts: what the tree says, messages, IPIs and
// wires, guests that outnumber the files, vCPUs that move; and that no message is lost or invented on any schedule.
import { describe, expect, it } from "vitest";
import type { Machine } from "@typeone/sim";
import {
  compute,
  type Cpu,
  CSR,
  csrRead,
  csrSwap,
  csrTry,
  csrWrite,
  type DomainOptions,
  ecall,
  EID,
  enableInterrupts,
  type GuestCode,
  load,
  type MachineOptions,
  pause,
  program,
  seededRandom,
  store,
  useTraps,
  wfi,
} from "@typeone/sim";
import { allSaid, deviceAt, domain, machineWith, readTree, reboot, sleep, waitFor } from "./support.ts";

const CORE = "core/arch/riscv64/irq/files.testing.ts";
const MAILBOX = 0x8007f000;
const FILES = 0x28000000;
const APLIC = 0x0d000000;
const SEIE = 1n << 9n;
const ALL = (1n << 64n) - 1n;
const RANGE = -4;
const HOST: MachineOptions = { aia: "aplic-imsic", guestFiles: 0, harts: 2 };

const aia = (name: string, kernel: Parameters<typeof domain>[1], more: Partial<DomainOptions> = {}) =>
  domain(name, kernel, { ...more, properties: { "typeone,interrupts": "aia", ...more.properties } });

function* setRegister(register: bigint, value: bigint): GuestCode {
  yield* csrWrite(CSR.siselect, register);
  yield* csrWrite(CSR.sireg, value);
}

function* getRegister(register: bigint): GuestCode<bigint> {
  yield* csrWrite(CSR.siselect, register);
  return yield* csrRead(CSR.sireg);
}

/** Every identity may interrupt this vCPU. */
function* openFile(cpu: Cpu): GuestCode {
  for (let word = 0n; word < 4n; word++) yield* setRegister(0xc0n + 2n * word, ALL);
  yield* setRegister(0x70n, 1n);
  yield* enableInterrupts(cpu, SEIE);
}

/** Sends through the core, at the next trap of any hart. */
function post(machine: Machine, guest: number, address: number, data: number): void {
  const bytes = new DataView(new ArrayBuffer(24));
  bytes.setUint32(0, guest + 1, true);
  bytes.setUint32(4, data, true);
  bytes.setBigUint64(8, BigInt(address), true);
  machine.ram.write(MAILBOX, new Uint8Array(bytes.buffer));
}
const posted = (machine: Machine): boolean => Number(machine.ram.readValue(MAILBOX, 4)) === 0;
const answer = (machine: Machine): number => Number(BigInt.asIntN(32, machine.ram.readValue(MAILBOX + 16, 4)));
const kick = (machine: Machine, hart: number): void => void (machine.harts[hart]!.csrs.software |= 2n);
const exitsOf = (machine: Machine, name: string): number =>
  [...machine.vcpus.values()].reduce((sum, vcpu) => sum + (vcpu.cpu?.guest.name === name ? vcpu.exits : 0), 0);

describe("the tree of an AIA guest", () => {
  it("has interrupt files and an APLIC instead of the PLIC, and devices with two interrupt cells", async () => {
    const guest = program({
      *boot(cpu) {
        const tree = yield* readTree(cpu);
        const imsics = tree.compatible("riscv,imsics")[0];
        const aplic = tree.compatible("riscv,aplic")[0];
        expect(imsics?.cells("reg")).toEqual([0, FILES, 0, 0x2000]);
        expect(imsics?.cells("riscv,num-ids")).toEqual([255]);
        expect(imsics?.cells("interrupts-extended")).toEqual([1, 9, 2, 9]);
        expect(aplic?.cells("msi-parent")).toEqual(imsics?.cells("phandle"));
        expect(aplic?.cells("riscv,num-sources")).toEqual([11]);
        expect(tree.compatible("sifive,plic-1.0.0")).toEqual([]);
        const serial = tree.compatible("ns16550a")[0];
        expect(serial?.cells("interrupts")).toEqual([10, 4]);
        expect(serial?.cells("interrupt-parent")).toEqual(aplic?.cells("phandle"));
        const cpus = [...tree.nodes()].filter((node) => node.string("device_type") === "cpu");
        for (const each of cpus) {
          expect(each.string("riscv,isa")).toMatch(/_ssaia$/);
          expect(each.strings("riscv,isa-extensions")).toContain("ssaia");
        }
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([aia("one", guest, { cpus: 2 })], HOST);
    machine.runUntil(() => allSaid(machine, "done"));
    machine.check();
  });

  it.each(["none", "aplic"] as const)("does not exist on a host with aia %s, which says why", async (hostAia) => {
    const machine = await machineWith([aia("one", program({ boot: sleep }))], { aia: hostAia });
    expect(machine.console).toMatch(/one cannot be created: typeone,interrupts is "aia".*no Ssaia.*"plic"/);
  });

  it("refuses other words, and closes the registers to a PLIC guest", async () => {
    const wrong = domain("wrong", program({ boot: sleep }), { properties: { "typeone,interrupts": "gic" } });
    const causes: (bigint | undefined)[] = [];
    const plic = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        for (const csr of [CSR.stopei, CSR.sireg]) causes.push((yield* csrTry(csr)).fault?.cause);
        const { fault } = yield* store(FILES, 4, 1n);
        causes.push(fault?.cause);
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([wrong, domain("plic", plic)], { ...HOST, guestFiles: 3 });
    expect(machine.console).toMatch(/wrong cannot be created: typeone,interrupts must be "plic" or "aia"/);
    machine.runUntil(() => machine.guest("plic").log.includes("done"));
    expect(causes).toEqual([2n, 2n, 7n]);
    machine.check();
  });
});

describe.each([0, 1, 3])("messages with %i guest files", (guestFiles) => {
  it("take what they find in the file's registers, and answer in stopi and stopei", async () => {
    const seen: bigint[] = [];
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        yield* setRegister(0xc0n, 1n << 9n);
        yield* setRegister(0xc2n, 1n);
        yield* setRegister(0x70n, 1n);
        yield* csrWrite(CSR.sie, SEIE);
        yield* store(FILES, 4, 64n);
        yield* store(FILES, 4, 9n);
        yield* store(FILES, 4, 10n);
        yield* store(FILES, 4, 0n);
        yield* store(FILES, 4, 300n);
        seen.push(yield* getRegister(0x80n), yield* getRegister(0x82n), (yield* csrRead(CSR.stopi)) >> 16n);
        seen.push((yield* csrSwap(CSR.stopei, 0n)) >> 16n);
        seen.push((yield* csrRead(CSR.stopei)) >> 16n, yield* getRegister(0x80n));
        yield* setRegister(0x72n, 64n);
        seen.push(yield* csrRead(CSR.stopei));
        yield* setRegister(0x72n, 0n);
        seen.push((yield* csrSwap(CSR.stopei, 0n)) >> 16n, yield* csrRead(CSR.stopei), yield* csrRead(CSR.stopi));
        seen.push((yield* load(FILES, 4)).value);
        yield* csrWrite(CSR.siselect, 0x30n);
        seen.push((yield* csrTry(CSR.sireg)).fault?.cause ?? 0n);
        for (const register of [0x31n, 0x60n, 0x81n, 0x100n]) {
          yield* csrWrite(CSR.siselect, register);
          seen.push((yield* csrTry(CSR.sireg)).fault?.cause ?? 0n);
        }
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([aia("one", guest)], { ...HOST, guestFiles, harts: 1 });
    machine.runUntil(() => allSaid(machine, "done"));
    const ready = (1n << 9n) | (1n << 10n);
    expect(seen).toEqual([ready, 1n, 9n, 9n, 64n, 1n << 10n, 0n, 64n, 0n, 0n, 0n, 0n, 2n, 2n, 2n, 2n]);
    machine.check();
  });

  it("reach another vCPU as IPIs: with files of the harts without an exit of either", async () => {
    const ROUNDS = 20;
    let received = 0;
    let before = 0;
    let after = 0;
    const receiver = function* (cpu: Cpu): GuestCode {
      yield* useTraps(cpu);
      yield* openFile(cpu);
      cpu.guest.log.push("ready");
      for (;;) yield* compute(1000n);
    };
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(receiver), 0n);
        while (!cpu.guest.log.includes("ready")) yield* compute(50n);
        before = exitsOf(machine, "one");
        for (let round = 0; round < ROUNDS; round++) {
          yield* store(FILES + 0x1000, 4, 33n);
          while (received <= round) yield* compute(10n);
        }
        after = exitsOf(machine, "one");
        cpu.guest.log.push("done");
        yield* sleep();
      },
      routines: [receiver],
      *onInterrupt() {
        for (let top = yield* csrSwap(CSR.stopei, 0n); top !== 0n; top = yield* csrSwap(CSR.stopei, 0n)) received++;
      },
    });
    const machine = await machineWith([aia("one", guest, { cpus: 2 })], { ...HOST, guestFiles });
    machine.runUntil(() => allSaid(machine, "done"), { maxSteps: 400_000 });
    expect(received).toBe(ROUNDS);
    if (guestFiles > 0) expect(after - before).toBe(0);
    else expect(after - before).toBeGreaterThanOrEqual(ROUNDS);
    machine.check();
  });

  it("carry the UART's interrupt from its wire, again while the level stands", async () => {
    const served: bigint[] = [];
    const guest = program({
      *boot(cpu) {
        const tree = yield* readTree(cpu);
        const uart = deviceAt(tree, "ns16550a");
        const aplic = deviceAt(tree, "riscv,aplic");
        yield* openFile(cpu);
        yield* store(aplic + 40n, 4, 6n);
        yield* store(aplic + 0x3028n, 4, 77n);
        yield* store(aplic + 0x1edcn, 4, 10n);
        yield* store(aplic, 4, 0x100n);
        yield* store(uart + 1n, 1, 2n);
        yield* waitFor(() => served.length >= 1);
        yield* store(uart, 1, 0x41n);
        yield* waitFor(() => served.length >= 2);
        yield* store(uart + 1n, 1, 0n);
        yield* store(aplic + 0x2000n, 4, 10n);
        expect((yield* load(aplic + 0x1c00n, 4)).value).toBe(0n);
        cpu.guest.log.push("done");
        yield* sleep();
      },
      *onInterrupt(cpu) {
        for (let top = yield* csrSwap(CSR.stopei, 0n); top !== 0n; top = yield* csrSwap(CSR.stopei, 0n)) {
          served.push(top >> 16n);
          yield* load(0x10000002n, 1);
        }
        void cpu;
      },
    });
    const machine = await machineWith([aia("one", guest)], { ...HOST, guestFiles, harts: 1 });
    machine.runUntil(() => allSaid(machine, "done"));
    expect(served.slice(0, 2)).toEqual([77n, 77n]);
    machine.check();
  });

  it("wake a vCPU that waits off its hart, and are refused where no file is", async () => {
    const served: bigint[] = [];
    const waiting = program({
      *boot(cpu) {
        yield* openFile(cpu);
        cpu.guest.log.push("ready");
        yield* waitFor(() => served.length > 0);
        cpu.guest.log.push("done");
        yield* sleep();
      },
      *onInterrupt() {
        served.push((yield* csrSwap(CSR.stopei, 0n)) >> 16n);
      },
    });
    const busy = program({
      *boot(cpu) {
        cpu.guest.log.push("ready");
        for (;;) yield* compute(100n);
      },
    });
    const options = { ...HOST, guestFiles, harts: 1, core: CORE };
    const machine = await machineWith([aia("waits", waiting), domain("busy", busy)], options);
    machine.runUntil(() => allSaid(machine, "ready"));
    machine.run(() => false, { maxTime: 20_000n });
    for (const [guest, address, status] of [
      [1, FILES, RANGE],
      [0, FILES + 0x1000, RANGE],
      [0, FILES + 4, RANGE],
      [0, FILES - 0x1000, RANGE],
      [0, FILES, 0],
    ] as const) {
      post(machine, guest, address, 200);
      kick(machine, 0);
      machine.runUntil(() => posted(machine));
      expect(answer(machine)).toBe(status);
    }
    machine.runUntil(() => machine.guest("waits").log.includes("done"));
    expect(served).toEqual([200n]);
    machine.check();
  });
});

describe("a restart", () => {
  it.each([0, 1, 2])("finds empty files, whoever had them, %i guest files", async (guestFiles) => {
    const left: bigint[] = [];
    const guest = program({
      *boot(cpu) {
        yield* useTraps(cpu);
        // The other vCPU's page was mapped before the restart: no hart may remember it.
        yield* store(FILES + 0x1000, 4, 0n);
        for (const register of [0x70n, 0x72n, 0x80n, 0x86n, 0xc0n, 0xc6n]) left.push(yield* getRegister(register));
        left.push((yield* load(APLIC, 4)).value & 0x100n, (yield* load(APLIC + 40, 4)).value);
        if (cpu.guest.boots === 3) {
          cpu.guest.log.push("done");
          yield* sleep();
        }
        yield* ecall(EID.hsm, 0n, 1n, cpu.addressOf(other), 0n);
        for (const register of [0x72n, 0xc0n, 0xc6n]) yield* setRegister(register, 0x80n);
        yield* store(APLIC, 4, 0x100n);
        yield* store(APLIC + 40, 4, 6n);
        for (let round = 0; round < 20; round++) {
          yield* store(FILES, 4, 7n);
          yield* store(FILES + 0x1000, 4, 199n);
          yield* wfiFor(cpu, 100n);
        }
        yield* setRegister(0x70n, 1n);
        yield* reboot();
      },
      routines: [other],
    });
    const options = { ...HOST, guestFiles, harts: 2, interleave: 0.02 };
    const neighbour = aia("busy", program({ boot: (cpu) => turns(cpu) }), { cpus: 1 });
    const machine = await machineWith([aia("one", guest, { cpus: 2 }), neighbour], options);
    machine.runUntil(() => machine.guest("one").log.includes("done"), { maxSteps: 400_000 });
    expect(left.length).toBe(24);
    expect(left.every((value) => value === 0n)).toBe(true);
    machine.check();
  });
});

/** Waits and works in turns, so that its hart's files go to and fro. */
function* turns(cpu: Cpu): GuestCode {
  yield* openFile(cpu);
  for (;;) yield* wfiFor(cpu, 60n);
}

/** Sleeps for so long by the timer, which nobody serves. */
function* wfiFor(cpu: Cpu, ticks: bigint): GuestCode {
  void cpu;
  yield* csrWrite(CSR.stimecmp, (yield* csrRead(CSR.time)) + ticks);
  yield* csrWrite(CSR.sie, 0x20n);
  yield* wfi();
  yield* csrWrite(CSR.sie, 0n);
}

function* other(): GuestCode {
  for (;;) yield* compute(50n);
}

/** Guests whose vCPUs serve, wait, mask, compute and send IPIs; every identity that is on its way is known here. */
class Storm {
  readonly machine: Promise<Machine>;
  /** Identities sent and not served yet, by guest, vCPU and identity. */
  readonly onTheWay = new Set<string>();
  readonly random;
  served = 0;
  invented: string[] = [];
  stop = false;
  readonly #vcpus: number;

  constructor(guests: number, vcpus: number, seed: number, options: MachineOptions) {
    this.random = seededRandom(seed);
    this.#vcpus = vcpus;
    const domains = Array.from({ length: guests }, (_, index) => aia(`g${index}`, this.#guest(index), { cpus: vcpus }));
    this.machine = machineWith(domains, { ...options, seed, core: CORE });
  }

  /** An identity that is not on its way to that vCPU, 0 if all are. */
  pick(guest: number, vcpu: number): number {
    const identity = 1 + this.random.below(255);
    const key = `${guest}.${vcpu}.${identity}`;
    if (this.onTheWay.has(key)) return 0;
    this.onTheWay.add(key);
    return identity;
  }

  #guest(index: number) {
    const storm = this;
    const life = function* (cpu: Cpu): GuestCode {
      yield* useTraps(cpu);
      yield* openFile(cpu);
      cpu.guest.log.push(`ready ${cpu.hart}`);
      for (;;) yield* storm.#act(index, cpu);
    };
    return program({
      *boot(cpu) {
        yield* useTraps(cpu);
        for (let vcpu = 1; vcpu < storm.#vcpus; vcpu++) yield* ecall(EID.hsm, 0n, vcpu, cpu.addressOf(life), 0n);
        yield* life(cpu);
      },
      routines: [life],
      *onInterrupt(cpu) {
        for (let top = yield* csrSwap(CSR.stopei, 0n); top !== 0n; top = yield* csrSwap(CSR.stopei, 0n)) {
          const key = `${index}.${cpu.hart}.${top >> 16n}`;
          if (!storm.onTheWay.delete(key)) storm.invented.push(key);
          storm.served++;
        }
      },
    });
  }

  *#act(index: number, cpu: Cpu): GuestCode {
    const dice = this.random.below(100) / 100;
    if (this.stop || dice < 0.3) yield* wfi();
    else if (dice < 0.5) yield* compute(BigInt(1 + this.random.below(200)));
    else if (dice < 0.6) {
      yield* csrWrite(CSR.sie, 0n);
      yield* compute(20n);
      yield* csrWrite(CSR.sie, SEIE);
    } else if (dice < 0.65) {
      yield* setRegister(0x70n, 0n);
      yield* pause();
      yield* setRegister(0x70n, 1n);
    } else if (dice < 0.7) {
      // Interrupts are off: the handler uses no selected register, but a switch of vCPUs must keep it.
      yield* setRegister(0x72n, BigInt(this.random.below(256)));
      yield* setRegister(0x72n, 0n);
    } else {
      const target = this.random.below(this.#vcpus);
      const ready = cpu.guest.log.includes(`ready ${target}`);
      const identity = ready ? this.pick(index, target) : 0;
      if (identity !== 0) yield* store(FILES + target * 0x1000, 4, BigInt(identity));
    }
  }
}

describe("no message is lost or invented", () => {
  const cases = [
    { harts: 1, guests: 2, vcpus: 1, guestFiles: 1 },
    { harts: 2, guests: 2, vcpus: 2, guestFiles: 1 },
    { harts: 2, guests: 2, vcpus: 2, guestFiles: 0 },
    { harts: 2, guests: 3, vcpus: 2, guestFiles: 2 },
    { harts: 3, guests: 2, vcpus: 4, guestFiles: 1 },
    { harts: 3, guests: 3, vcpus: 2, guestFiles: 7 },
    { harts: 2, guests: 1, vcpus: 8, guestFiles: 3 },
  ];
  it.each(cases)("$guests guests of $vcpus vCPUs on $harts harts, $guestFiles files", async (shape) => {
    const { harts, guests, vcpus, guestFiles } = shape;
    for (let seed = 1; seed <= 4; seed++) {
      const storm = new Storm(guests, vcpus, seed, {
        ...HOST,
        harts,
        guestFiles,
        interleave: 0.05,
        smstateen: seed % 2 === 0,
        spuriousWake: 0.001,
      });
      const machine = await storm.machine;
      const all = Array.from({ length: guests }, (_, guest) => guest);
      const ready = () =>
        all.every((guest) => machine.guest(`g${guest}`).log.filter((line) => line.startsWith("ready")).length >= vcpus);
      machine.runUntil(ready, { maxSteps: 400_000 });
      for (let round = 0; round < 400; round++) {
        const guest = storm.random.below(guests);
        const vcpu = storm.random.below(vcpus);
        const identity = posted(machine) ? storm.pick(guest, vcpu) : 0;
        if (identity !== 0) post(machine, guest, FILES + vcpu * 0x1000, identity);
        kick(machine, storm.random.below(harts));
        machine.run(() => false, { maxSteps: 20 + storm.random.below(150) });
      }
      storm.stop = true;
      kick(machine, 0);
      machine.run(() => storm.onTheWay.size === 0 && posted(machine), { maxSteps: 100_000 });
      expect({ seed, lost: [...storm.onTheWay], invented: storm.invented }).toEqual({ seed, lost: [], invented: [] });
      expect(storm.served).toBeGreaterThan(300);
      machine.check();
    }
  });
});
