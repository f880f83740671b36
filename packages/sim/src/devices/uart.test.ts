// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { HostUart } from "./uart.ts";

function make() {
  const state = { level: false };
  return { uart: new HostUart((level) => void (state.level = level)), state };
}

describe("host UART", () => {
  it("captures output and hands out input with its interrupt", () => {
    const { uart, state } = make();
    for (const byte of new TextEncoder().encode("hi")) uart.write(0, 1, byte);
    expect(uart.output).toBe("hi");
    uart.inject("ab");
    expect(state.level).toBe(false);
    uart.write(1, 1, 1);
    expect(state.level).toBe(true);
    expect(uart.read(2) & 0xf).toBe(4);
    expect([uart.read(5) & 1, uart.read(0), uart.read(0), uart.read(5) & 1]).toEqual([1, 97, 98, 0]);
    expect(state.level).toBe(false);
  });

  it("raises the transmitter's interrupt until it is read from IIR", () => {
    const { uart, state } = make();
    uart.write(1, 1, 2);
    expect(state.level).toBe(true);
    expect(uart.read(2) & 0xf).toBe(2);
    expect(state.level).toBe(false);
    uart.write(0, 1, 65);
    expect(state.level).toBe(true);
  });

  it("hides data and IER behind the divisor latch", () => {
    const { uart } = make();
    uart.write(3, 1, 0x83);
    uart.write(0, 1, 7);
    uart.write(1, 1, 1);
    expect([uart.read(0), uart.read(1), uart.output]).toEqual([7, 1, ""]);
    uart.write(3, 1, 3);
    expect(uart.read(1)).toBe(0);
  });
});
