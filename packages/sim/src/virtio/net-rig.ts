// SPDX-License-Identifier: Apache-2.0
// Network devices on virtual switches, for unit tests: each with a driver in plain TypeScript that sends frames, keeps
// receive buffers filled and takes what came. All of them are one guest's; a switch does not care. Checksums as RFC 1071
// has them, byte by byte, to compare with.
import { HostVirtioNet, type NetOptions } from "../devices/virtio-net.ts";
import { VirtioMmio } from "../devices/virtio-mmio.ts";
import { PIECE, PIECES, RAM_BASE, VirtioBench } from "./bench.ts";
import { bringUp, REG, SplitRing } from "./driver.ts";

export const NET = {
  csum: 1n << 0n,
  guestCsum: 1n << 1n,
  guestTso4: 1n << 7n,
  guestTso6: 1n << 8n,
  hostTso4: 1n << 11n,
  hostTso6: 1n << 12n,
  mergeable: 1n << 15n,
  ctrlVq: 1n << 17n,
  ctrlRx: 1n << 18n,
  mq: 1n << 22n,
  version1: 1n << 32n,
  eventIndex: 1n << 29n,
  indirect: 1n << 28n,
} as const;
/** What Linux takes. */
export const LINUX =
  NET.csum | NET.guestCsum | NET.guestTso4 | NET.guestTso6 | NET.hostTso4 | NET.hostTso6 | NET.mergeable | NET.version1;

export const DROP = {
  short: 0,
  long: 1,
  header: 2,
  spoofed: 3,
  vlan: 4,
  nowhere: 5,
  flood: 6,
  uplink: 7,
  noRoom: 8,
  down: 9,
} as const;

const HEADER = 12;
const RING = 64;
const RINGS_BYTES = 0x2000;
const ID_NET = 1;
const ENTRY = "core/dev/virtio/net.testing.ts";
const LINEAR = 0x2000_0000n;
/** hpa of the bench's host memory. */
const HOST = 0x1_0000_0000;
const INJECT = RAM_BASE + BigInt(PIECE * PIECES - 0x4000);
const REGISTERS = 0x40_0000_0000n;
const SETTINGS_BYTES = 40;

export interface PortSettings {
  readonly mac: bigint;
  readonly vlan?: number;
  readonly isolated?: number;
  readonly rate?: bigint;
  readonly mtu?: number;
  readonly addresses?: number;
}

export interface Header {
  flags?: number;
  gso?: number;
  headers?: number;
  size?: number;
  start?: number;
  offset?: number;
}

export interface Received {
  readonly header: Required<Header> & { buffers: number };
  readonly frame: Uint8Array;
}

export function headerBytes(header: Header = {}): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER));
  view.setUint8(0, header.flags ?? 0);
  view.setUint8(1, header.gso ?? 0);
  view.setUint16(2, header.headers ?? 0, true);
  view.setUint16(4, header.size ?? 0, true);
  view.setUint16(6, header.start ?? 0, true);
  view.setUint16(8, header.offset ?? 0, true);
  return new Uint8Array(view.buffer);
}

/** 52:54:00:00: and the number, the first byte lowest. */
export const testMac = (n: number): bigint => 0x00_5452n | (BigInt(n & 0xff) << 40n) | (BigInt(n >> 8) << 32n);

/** Bytes of an address whose first byte is the lowest of the number. */
export function macBytes(mac: bigint): number[] {
  return Array.from({ length: 6 }, (_, i) => Number((mac >> BigInt(8 * i)) & 0xffn));
}

export function ethernet(to: bigint, from: bigint, type: number, payload: ArrayLike<number>): Uint8Array {
  return Uint8Array.from([...macBytes(to), ...macBytes(from), type >> 8, type & 0xff, ...Array.from(payload)]);
}

/** One's complement sum of big-endian words, folded. */
export function sum16(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 ? bytes[i]! : bytes[i]! * 256;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** A device, plugged into a port of its own, with a driver. */
export class TestNic {
  readonly port: number;
  readonly device: number;
  rx!: SplitRing;
  tx!: SplitRing;
  control!: SplitRing;
  #features = 0n;
  /** Receive buffers that are out: head, where. */
  readonly #buffers = new Map<number, { gpa: bigint; length: number }[]>();
  #txAt = 0;
  /** Queues that the driver uses. */
  #queues = 3;

  readonly rig: NetRig;
  readonly settings: PortSettings;
  readonly area: bigint;
  readonly areaBytes: number;
  readonly pairs: number;

  constructor(rig: NetRig, sw: number, settings: PortSettings, area: { at: bigint; bytes: number }, pairs = 1) {
    this.rig = rig;
    this.settings = settings;
    this.area = area.at;
    this.areaBytes = area.bytes;
    this.pairs = pairs;
    this.port = rig.createPort(sw, settings);
    if (this.port === 0) throw new Error(`no port: ${rig.status}`);
    this.device = rig.bench.call("testDevice", rig.bench.guest, ID_NET, 2 * pairs + 1, 0n);
    const status = rig.bench.call("netCreate", this.device, this.port, pairs);
    if (status !== 0) throw new Error(`netCreate answered ${status}`);
    rig.bench.call("virtioWake", this.device);
  }

  /** Brings it up with rings of 64 entries; answers the device's status. */
  up(features = LINUX): number {
    [this.rx, this.tx, this.control] = [this.#ring(0), this.#ring(1), this.#ring(2)];
    this.#features = features;
    this.#buffers.clear();
    return bringUp(this.rig.bench, this.device, [this.rx, this.tx, this.control], features);
  }

  #ring(index: number): SplitRing {
    const at = this.area + BigInt(index * 0x800);
    return new SplitRing(this.rig.bench, RING, at, at + 0x400n, at + 0x500n);
  }

  /** Where commands go: behind the rings. */
  get #commands(): number {
    return this.#queues * 0x800;
  }

  get mac(): bigint {
    return this.settings.mac;
  }

  /** Where the receive buffers begin: the upper half of the area. */
  get #receiveArea(): bigint {
    return this.area + BigInt(this.areaBytes / 2);
  }
  /** Offers receive buffers of these lengths, one chain each of these pieces, one behind the other in the area. */
  offer(...chains: number[][]): void {
    let at = this.#receiveArea;
    for (const pieces of chains) {
      const buffers = pieces.map((length) => {
        const gpa = at;
        at += BigInt(length);
        return { gpa, length, write: true };
      });
      if (at > this.area + BigInt(this.areaBytes)) throw new Error("the receive area is too small");
      this.#buffers.set(this.rx.offer(buffers), buffers);
    }
  }

  /** Offers one receive buffer of these pieces, `offset` bytes into the last two thirds of the area. */
  offerAt(offset: number, pieces: readonly number[]): void {
    let at = this.area + BigInt(this.areaBytes / 2 + offset);
    const buffers = pieces.map((length) => {
      const gpa = at;
      at += BigInt(length);
      return { gpa, length, write: true };
    });
    this.#buffers.set(this.rx.offer(buffers), buffers);
  }
  /** Keeps `count` receive buffers of 1536 bytes out. */
  top(count: number): void {
    for (; this.rx.out.size < count; this.#topped++) this.offerAt((this.#topped % (count + 1)) * 1536, [1536]);
  }
  #topped = 0;
  /** Brings all pairs up; answers the receive rings. The first pair, and the control queue, are as after up(). */
  upPairs(features: bigint): SplitRing[] {
    this.#queues = 2 * this.pairs + 1;
    const rings = Array.from({ length: this.#queues }, (_, i) => this.#ring(i));
    this.#features = features;
    [this.rx, this.tx] = [rings[0]!, rings[1]!];
    this.control = rings.at(-1)!;
    bringUp(this.rig.bench, this.device, rings, features);
    return rings.filter((_, i) => i % 2 === 0).slice(0, this.pairs);
  }

  /** Sends a frame behind its header as one chain, in pieces of at most `piece` bytes. */
  send(frame: Uint8Array, header: Header = {}, piece = 1 << 20): void {
    this.sendRaw(Uint8Array.from([...headerBytes(header), ...frame]), piece);
  }
  sendRaw(bytes: Uint8Array, piece = 1 << 20): void {
    this.put(bytes, piece);
    this.kick();
    this.tx.collect();
  }
  /** Puts a chain into the ring without a notification. */
  put(bytes: Uint8Array, piece = 1 << 20): number {
    const room = this.areaBytes / 2 - RINGS_BYTES;
    if (this.#txAt + bytes.length > room) this.#txAt = 0;
    const gpa = this.area + BigInt(RINGS_BYTES + this.#txAt);
    this.#txAt += bytes.length;
    this.rig.bench.writeGuest(gpa, bytes);
    const buffers = [];
    for (let at = 0; at < bytes.length; at += piece)
      buffers.push({ gpa: gpa + BigInt(at), length: Math.min(piece, bytes.length - at), write: false });
    return this.tx.offer(buffers);
  }
  kick(index = 1): void {
    this.rig.bench.store(this.device, REG.notify, index);
  }

  /** Takes what came. Fails where buffers and lengths do not agree. */
  take(): Received[] {
    const frames: Received[] = [];
    const used = this.rx.collect();
    for (let i = 0; i < used.length;) {
      const first = this.#bytes(used[i]!);
      const view = new DataView(first.buffer);
      const count = view.getUint16(10, true);
      if ((this.#features & NET.mergeable) === 0n && count !== 1) throw new Error(`${count} buffers`);
      const parts = [first.subarray(HEADER)];
      for (let k = 1; k < count; k++) parts.push(this.#bytes(used[i + k]!));
      i += count;
      frames.push({
        header: {
          flags: view.getUint8(0),
          gso: view.getUint8(1),
          headers: view.getUint16(2, true),
          size: view.getUint16(4, true),
          start: view.getUint16(6, true),
          offset: view.getUint16(8, true),
          buffers: count,
        },
        frame: Uint8Array.from(parts.flatMap((part) => Array.from(part))),
      });
    }
    return frames;
  }
  #bytes(used: { id: number; length: number }): Uint8Array {
    const buffers = this.#buffers.get(used.id);
    this.#buffers.delete(used.id);
    if (!buffers) throw new Error("a receive buffer came back that was not out");
    let left = used.length;
    const parts: number[] = [];
    for (const { gpa, length } of buffers) {
      const part = Math.min(left, length);
      parts.push(...this.rig.bench.readGuest(gpa, part));
      left -= part;
    }
    if (left !== 0) throw new Error("more was received than the buffers hold");
    return Uint8Array.from(parts);
  }

  /** A command of the control queue; answers the device's byte. */
  command(...bytes: number[]): number {
    const at = this.area + BigInt(this.#commands);
    this.rig.bench.writeGuest(at, bytes);
    this.rig.bench.write(at + 0x3ffn, 1, 0xee);
    this.control.offer([
      { gpa: at, length: bytes.length, write: false },
      { gpa: at + 0x3ffn, length: 1, write: true },
    ]);
    this.kick(this.#queues - 1);
    this.control.collect();
    return this.rig.bench.read(at + 0x3ffn, 1);
  }

  counters(): { sent: number; sentBytes: number; received: number; receivedBytes: number; drops: number[] } {
    const { bench } = this.rig;
    bench.call("portCounters", this.port, this.rig.scratch);
    const view = bench.unit.view();
    const at = (i: number) => Number(view.getBigUint64(this.rig.scratch + 8 * i, true));
    return {
      sent: at(0),
      sentBytes: at(1),
      received: at(2),
      receivedBytes: at(3),
      drops: Array.from({ length: 10 }, (_, i) => at(4 + i)),
    };
  }
  drops(reason: keyof typeof DROP): number {
    return this.counters().drops[DROP[reason]]!;
  }
}

/** The host's NIC, on MMIO, and how it reaches memory: linear memory lies at LINEAR. */
class NicWires {
  bench!: VirtioBench;
  #device: VirtioMmio | undefined;
  readonly imports = {
    linearBase: () => LINEAR,
    mmioRead32: (hva: bigint) => this.#device!.read(Number(hva - REGISTERS), 4),
    mmioWrite32: (hva: bigint, value: number) => this.#device!.write(Number(hva - REGISTERS), 4, value >>> 0),
  };

  connect(options: NetOptions): HostVirtioNet {
    const memory = {
      read: (hpa: number, length: number) => this.#place(hpa, length).slice(),
      write: (hpa: number, data: Uint8Array) => this.#place(hpa, data.length).set(data),
    };
    const nic = new HostVirtioNet(memory, options);
    this.#device = new VirtioMmio(nic, () => {});
    return nic;
  }
  #place(hpa: number, length: number): Uint8Array {
    if (hpa >= HOST) return this.bench.host.subarray(hpa - HOST, hpa - HOST + length);
    const at = hpa - Number(LINEAR);
    if (at < 0 || at + length > this.bench.unit.bytes().length) throw new Error(`the NIC reaches ${hpa.toString(16)}`);
    return this.bench.unit.bytes().subarray(at, at + length);
  }
}

export class NetRig {
  readonly scratch: number;
  readonly #settings: number;
  #next = RAM_BASE;

  readonly bench: VirtioBench;
  readonly wires: NicWires;

  private constructor(bench: VirtioBench, wires: NicWires) {
    this.bench = bench;
    this.wires = wires;
    this.scratch = bench.call("testCounters");
    this.#settings = bench.call("testSettings");
  }
  /** A new hypervisor; the guest's RAM is in `pieces`. */
  static async load(pieces = 4): Promise<NetRig> {
    const nic = new NicWires();
    const bench = await VirtioBench.load(ENTRY, nic.imports);
    nic.bench = bench;
    bench.begin(pieces);
    // Ticks are nanoseconds.
    bench.call("setClock", 1_000_000_000n);
    return new NetRig(bench, nic);
  }
  get status(): number {
    return this.bench.unit.view().getInt32(this.#settings + this.bench.named("SETTINGS_STATUS"), true);
  }
  sw(name: string): number {
    this.bench.unit.bytes().set(new TextEncoder().encode(name), this.scratch);
    return this.bench.call("switchByName", this.scratch, name.length);
  }
  createPort(sw: number, settings: PortSettings): number {
    const view = this.bench.unit.view();
    const at = this.#settings;
    for (let i = 0; i < SETTINGS_BYTES; i += 4) view.setUint32(at + i, 0, true);
    view.setBigUint64(at, settings.mac, true);
    view.setBigUint64(at + 8, settings.rate ?? 0n, true);
    view.setUint32(at + 16, settings.vlan ?? 0, true);
    view.setUint32(at + 20, settings.isolated ?? 0, true);
    view.setUint32(at + 24, settings.mtu ?? 1500, true);
    view.setUint32(at + 28, settings.addresses ?? 8, true);
    return this.bench.call("portCreate", sw, at);
  }
  /** The same in area `index` of 32 KiB, which nobody uses any more. */
  nicAt(sw: number, settings: PortSettings, index: number): TestNic {
    const area = RAM_BASE + BigInt(index * 0x8000);
    this.bench.writeGuest(area, new Uint8Array(RINGS_BYTES));
    return new TestNic(this, sw, settings, { at: area, bytes: 0x8000 });
  }
  /** The host has a NIC, the switch's uplink. Its record and the device. */
  uplink(sw: number, options: Omit<NetOptions, "mac"> = {}): { nic: number; device: HostVirtioNet } {
    const device = this.wires.connect({ mac: [2, 0, 0, 0, 0, 1], ...options });
    const nic = this.bench.call("testNic", REGISTERS, options.mtu ?? 1500);
    const status = this.bench.call("switchUplink", sw, 0);
    if (nic === 0 || status !== 0) throw new Error(`no uplink: ${status}`);
    return { nic, device };
  }
  /** A frame comes in at the uplink, from the last 16 KiB of the bench's memory. */
  inject(nic: number, frame: Uint8Array, header: Header = {}): void {
    const at = this.bench.at(INJECT);
    this.bench.writeGuest(INJECT, frame);
    const view = this.bench.unit.view();
    this.bench.unit.bytes().set(headerBytes(header), this.scratch);
    // In two pieces.
    const first = Math.min(40, frame.length);
    view.setBigUint64(this.scratch + 16, BigInt(HOST + at), true);
    view.setBigUint64(this.scratch + 24, BigInt(first), true);
    view.setBigUint64(this.scratch + 32, BigInt(HOST + at + first), true);
    view.setBigUint64(this.scratch + 40, BigInt(frame.length - first), true);
    this.bench.call("uplinkReceive", nic, this.scratch, this.scratch + 16, frame.length > first ? 2 : 1);
  }
  /** A device on the switch, with `bytes` of the guest's RAM for it; not up yet. */
  nic(sw: number, settings: PortSettings, bytes = 0x8000, pairs = 1): TestNic {
    const at = this.#next;
    this.#next += BigInt(bytes);
    return new TestNic(this, sw, settings, { at, bytes }, pairs);
  }
}
