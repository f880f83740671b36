// SPDX-License-Identifier: Apache-2.0
// The terminal alone: core/mgmt on a host of one hart and one UART, typed at by a test. The UART takes what it is sent
// as fast as the test lets it.
import { atomics, type Imports, loadUnit, type UnitModule } from "@typeone/sim";
import { screenOf, type Screen } from "./screen.ts";

const WINDOW = 0x1_0000_0000n;
const LSR = 5n;
export const BUILD = "0123456789abcdef";

interface World {
  hart: number;
  unit?: UnitModule;
  self?: TerminalUnit;
}

function importsOf(world: World): Imports {
  const unit = (): UnitModule => world.unit as UnitModule;
  const self = (): TerminalUnit => world.self as TerminalUnit;
  return {
    env: {
      abort: () => {
        throw new Error("a check of the core failed");
      },
    },
    hw: {
      hart: () => world.hart,
      csrRead: () => 7_000_000n,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      buildId: (ptr: number) => (unit().bytes().set(Buffer.from(BUILD), ptr), BUILD.length),
      mapDevice: () => WINDOW,
      linearBase: () => 0n,
      imageStart: () => 0x8020_0000n,
      imageEnd: () => 0x8040_0000n,
      // Host memory holds the low byte of its own address.
      copyIn: (ptr: number, hpa: bigint, length: number) => {
        for (let i = 0; i < length; i++) unit().bytes()[ptr + i] = Number((hpa + BigInt(i)) & 0xffn);
      },
      mmioRead8: (hva: bigint) => {
        if (hva === WINDOW) return self().keys.shift() ?? 0;
        return hva === WINDOW + LSR ? (self().sends ? 0x60 : 0) | (self().keys.length ? 1 : 0) : 0xc1;
      },
      mmioWrite8: (hva: bigint, value: number) => {
        if (hva === WINDOW) self().out += String.fromCharCode(value);
      },
      ...atomics(unit),
    },
  };
}

export class TerminalUnit {
  out = "";
  /** False: the UART is busy sending. */
  sends = true;
  readonly keys: number[] = [];
  readonly #unit: UnitModule;
  readonly #buffer: number;

  private constructor(unit: UnitModule) {
    this.#unit = unit;
    this.#buffer = unit.scratch(0x10000);
  }

  static async create(): Promise<TerminalUnit> {
    // The imports are called only once there is a unit for them to serve.
    const world: World = { hart: 0 };
    const unit = await loadUnit("core/mgmt/terminal/terminal.testing.ts", importsOf(world));
    const self = new TerminalUnit(unit);
    world.self = self;
    world.unit = unit;
    const arena = unit.scratch(0x40000);
    world.hart = self.call("testHost", arena, arena + 0x40000);
    if (self.call("testConsole") !== 0 || self.call("testTerminal") !== 0)
      throw new Error("the terminal does not start");
    return self;
  }

  call(name: string, ...args: (number | bigint)[]): number {
    const called = this.#unit.exports[name];
    if (!called) throw new Error(`the test module exports no ${name}`);
    return Number(called(...args));
  }

  /** Interrupts and workers until nothing happens any more. */
  settle(): void {
    for (let i = 0; i < 5000; i++) {
      if (this.keys.length) this.call("serialInterrupt", 0);
      if (this.call("testWork", 1000) === 0 && this.keys.length === 0) return;
    }
    throw new Error("the terminal never comes to rest");
  }

  type(text: string): void {
    this.keys.push(...Buffer.from(text, "latin1"));
    this.settle();
  }

  /** Types a line on a clean screen and answers what stands below it, without the prompt that follows. */
  run(line: string): readonly string[] {
    this.out = "";
    this.type(`${line}\r`);
    return this.screen.lines.slice(1, -1);
  }

  get screen(): Screen {
    return screenOf(this.out);
  }

  /** The line with the cursor. */
  get line(): string {
    return this.screen.lines.at(-1) ?? "";
  }

  /** Linear address of NUL-terminated text, at its own place in the test's buffer. */
  text(text: string, offset = 0): number {
    this.#unit.bytes().set(Buffer.from(`${text}\0`, "latin1"), this.#buffer + offset);
    return this.#buffer + offset;
  }

  /** Linear address of bytes in the test's buffer. */
  bytes(bytes: Uint8Array, offset = 0): number {
    this.#unit.bytes().set(bytes, this.#buffer + offset);
    return this.#buffer + offset;
  }
}
