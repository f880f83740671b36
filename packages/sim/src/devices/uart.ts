// SPDX-License-Identifier: Apache-2.0
// A 16550A as QEMU's virt machine has it (byte registers, no shift): output is captured at once, input is injected by
// the test and raises the receive interrupt. Sending is instantaneous, so the transmitter is always empty.
import type { HostDevice } from "./device.ts";

const RBR = 0;
const IER = 1;
const IIR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;
const LCR_DLAB = 0x80;

export class HostUart implements HostDevice {
  readonly #drive: (level: boolean) => void;
  readonly #input: number[] = [];
  readonly #output: number[] = [];
  #registers = new Uint8Array(8);
  #divisor = new Uint8Array(2);
  #fifo = 0;
  #transmitPending = false;

  constructor(drive: (level: boolean) => void) {
    this.#drive = drive;
  }

  /** Everything that was sent, as Latin-1 text. */
  get output(): string {
    let text = "";
    for (const byte of this.#output) text += String.fromCharCode(byte);
    return text;
  }

  get outputLength(): number {
    return this.#output.length;
  }

  /** Characters that wait to be read by the hypervisor. */
  get waiting(): number {
    return this.#input.length;
  }

  /** Types text at the machine's serial line. */
  inject(text: string): void {
    for (const character of text) this.#input.push(character.charCodeAt(0) & 0xff);
    this.#update();
  }

  /** Firmware's own output (DBCN) comes out of the same line. */
  emit(byte: number): void {
    this.#output.push(byte & 0xff);
  }

  #cause(): number {
    const enable = this.#registers[IER] as number;
    if ((enable & 1) !== 0 && this.#input.length > 0) return 4;
    if ((enable & 2) !== 0 && this.#transmitPending) return 2;
    return 1;
  }

  #update(): void {
    this.#drive(this.#cause() !== 1);
  }

  read(offset: number): number {
    const divisorLatch = ((this.#registers[LCR] as number) & LCR_DLAB) !== 0;
    switch (offset) {
      case RBR: {
        if (divisorLatch) return this.#divisor[0] as number;
        const byte = this.#input.shift() ?? 0;
        this.#update();
        return byte;
      }
      case IER:
        return (divisorLatch ? this.#divisor[1] : this.#registers[IER]) as number;
      case IIR: {
        const cause = this.#cause();
        if (cause === 2) this.#transmitPending = false;
        this.#update();
        return cause | (this.#fifo ? 0xc0 : 0);
      }
      case LSR:
        return 0x60 | (this.#input.length > 0 ? 1 : 0);
      case MSR:
        return 0xb0;
      default:
        return (this.#registers[offset] as number | undefined) ?? 0;
    }
  }

  write(offset: number, _width: number, value: number): void {
    const byte = value & 0xff;
    const divisorLatch = ((this.#registers[LCR] as number) & LCR_DLAB) !== 0;
    if (divisorLatch && offset <= IER) {
      this.#divisor[offset] = byte;
      return;
    }
    if (offset === RBR) {
      this.#output.push(byte);
      this.#transmitPending = true;
    } else if (offset === IER) {
      if ((byte & 2) !== 0 && ((this.#registers[IER] as number) & 2) === 0) this.#transmitPending = true;
      this.#registers[IER] = byte & 0x0f;
    } else if (offset === IIR) {
      this.#fifo = byte & 1;
      if ((byte & 2) !== 0) this.#input.length = 0;
    } else if (offset === LCR || offset === MCR || offset === SCR) {
      this.#registers[offset] = byte;
    }
    this.#update();
  }
}
