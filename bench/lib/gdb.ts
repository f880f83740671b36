// SPDX-License-Identifier: Apache-2.0
// As much of gdb's remote protocol as counting needs: stop, go on, breakpoints, and CSRs by name. Called by machine.ts.
// QEMU's stub reads and writes CSRs of every level whatever the hart is doing, so nothing in the guest is changed.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CONNECT_MS = 10_000;

function checksum(data: string): string {
  let sum = 0;
  for (const char of data) sum = (sum + char.charCodeAt(0)) & 0xff;
  return sum.toString(16).padStart(2, "0");
}

const littleEndian = (hex: string): bigint => BigInt(`0x${hex.match(/../g)?.reverse().join("") ?? "0"}`);
const toLittleEndian = (value: bigint): string =>
  value.toString(16).padStart(16, "0").match(/../g)?.reverse().join("") ?? "";

async function open(port: number): Promise<Socket> {
  const deadline = Date.now() + CONNECT_MS;
  for (;;) {
    const socket = await new Promise<Socket | undefined>((resolve) => {
      const attempt = connect(port, "127.0.0.1");
      attempt.once("connect", () => resolve(attempt));
      attempt.once("error", () => resolve(undefined));
    });
    if (socket) return socket;
    if (Date.now() > deadline) throw new Error("QEMU's gdb stub did not open");
    await sleep(20);
  }
}

export class Gdb {
  readonly #socket: Socket;
  #buffer = "";
  readonly #replies: string[] = [];
  #wake: (() => void) | undefined;
  #numbers = new Map<string, number>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#replies.push("W00");
      this.#wake?.();
    });
  }

  static async open(port: number): Promise<Gdb> {
    const gdb = new Gdb(await open(port));
    await gdb.ask("qSupported:xmlRegisters=riscv");
    const target = await gdb.#feature("target.xml");
    for (const [, file] of target.matchAll(/<xi:include href="([^"]+)"/g)) {
      const text = await gdb.#feature(file as string);
      for (const [row] of text.matchAll(/<reg [^>]*>/g)) {
        const name = /name="([^"]+)"/.exec(row)?.[1];
        const number = /regnum="(\d+)"/.exec(row)?.[1];
        if (name !== undefined && number !== undefined) gdb.#numbers.set(name, Number(number));
      }
    }
    return gdb;
  }

  #receive(text: string): void {
    this.#buffer += text;
    for (;;) {
      const match = /^[+-]*\$([^#]*)#[0-9a-f]{2}/.exec(this.#buffer);
      if (!match) break;
      this.#buffer = this.#buffer.slice(match[0].length);
      this.#socket.write("+");
      this.#replies.push(match[1] as string);
    }
    this.#wake?.();
  }

  async #reply(): Promise<string> {
    while (this.#replies.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    return this.#replies.shift() as string;
  }

  #send(data: string): void {
    this.#socket.write(`$${data}#${checksum(data)}`);
  }

  async ask(data: string): Promise<string> {
    this.#send(data);
    return this.#reply();
  }

  async #feature(name: string): Promise<string> {
    let text = "";
    for (;;) {
      const part = await this.ask(`qXfer:features:read:${name}:${text.length.toString(16)},ff0`);
      text += part.slice(1);
      if (!part.startsWith("m")) return text;
    }
  }

  #number(csr: string): string {
    const number = this.#numbers.get(csr);
    if (number === undefined) throw new Error(`QEMU's gdb stub does not show ${csr}`);
    return number.toString(16);
  }

  async read(csr: string): Promise<bigint> {
    const answer = await this.ask(`p${this.#number(csr)}`);
    if (answer.startsWith("E")) throw new Error(`cannot read ${csr}`);
    return littleEndian(answer);
  }

  async write(csr: string, value: bigint): Promise<void> {
    const answer = await this.ask(`P${this.#number(csr)}=${toLittleEndian(value)}`);
    if (answer !== "OK") throw new Error(`cannot write ${csr}`);
  }

  /** Goes on until execution reaches `address`, in whatever mode; the breakpoint is gone afterwards. */
  async runTo(address: bigint): Promise<void> {
    const place = `${address.toString(16)},4`;
    if ((await this.ask(`Z1,${place}`)) !== "OK") throw new Error("QEMU's gdb stub takes no breakpoint");
    const stop = await this.ask("c");
    if (!stop.startsWith("T05") && !stop.startsWith("S05")) throw new Error(`the machine ended early (${stop})`);
    await this.ask(`z1,${place}`);
  }

  /** Lets the machine run; stop() ends that. */
  resume(): void {
    this.#send("c");
  }

  /** Stops the running machine. */
  async stop(): Promise<void> {
    this.#socket.write("\u0003");
    await this.#reply();
  }

  /** One instruction further, so that a breakpoint at the same place can be met again. */
  async step(): Promise<void> {
    await this.ask("s");
  }

  close(): void {
    this.#socket.destroy();
  }
}
