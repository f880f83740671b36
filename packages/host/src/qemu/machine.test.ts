// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { DEFAULT_MACHINE, boardArgs, loaderArgs, machineArgs } from "./machine.ts";

describe("machine arguments", () => {
  it("describe the board", () => {
    const args = boardArgs({ harts: 4, memoryMiB: 3072, aia: "aplic-imsic", cpu: "max", sstc: "off" });
    expect(args.join(" ")).toBe("-machine virt,aia=aplic-imsic -cpu max,h=on,sstc=off -smp 4 -m 3072M");
  });

  it("turn on counting, gdb and exit on reset only when asked", () => {
    expect(machineArgs(DEFAULT_MACHINE).join(" ")).not.toMatch(/icount|gdb|no-reboot|-S/);
    const args = machineArgs({ ...DEFAULT_MACHINE, icount: "on", onReset: "exit", gdbPort: 1234, gdbWait: "yes" });
    expect(args.join(" ")).toContain("-icount shift=0,sleep=off -no-reboot -gdb tcp:127.0.0.1:1234 -S");
  });

  it("add a modern virtio console for the management channel when asked", () => {
    expect(machineArgs(DEFAULT_MACHINE).join(" ")).not.toContain("virtio");
    const args = machineArgs({ ...DEFAULT_MACHINE, channel: { socket: "/run/a,b/channel" } }).join(" ");
    expect(args).toContain("-chardev socket,id=channel,path=/run/a,,b/channel,server=on,wait=off");
    expect(args).toContain("-device virtio-serial-device -device virtconsole,chardev=channel");
    expect(args).toContain("-global virtio-mmio.force-legacy=false");
    const long = `/${"x".repeat(107)}`;
    expect(() => machineArgs({ ...DEFAULT_MACHINE, channel: { socket: long } })).toThrow("socket path is longer");
  });

  it("refuse nonsense", () => {
    expect(() => boardArgs({ ...DEFAULT_MACHINE, harts: 0 })).toThrow(RangeError);
    expect(() => boardArgs({ ...DEFAULT_MACHINE, memoryMiB: 1.5 })).toThrow(RangeError);
    expect(() => boardArgs({ ...DEFAULT_MACHINE, gdbPort: 70000 })).toThrow(RangeError);
  });

  it("escape commas in file names", () => {
    expect(loaderArgs("/a,b", 0x9000_0000)[1]).toBe("loader,file=/a,,b,addr=0x90000000,force-raw=on");
  });
});
