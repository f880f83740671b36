// SPDX-License-Identifier: Apache-2.0
// The QEMU `virt` machines that TypeOne is run and tested on, as typed options that become an argument list. Pure.
// Called by the boot helpers, the demo, the matrix and the benches; what is booted on the machine is added by them.
import { type DeviceOptions, deviceArgs } from "./devices.ts";
import { qemuValue } from "./quote.ts";

export { qemuValue } from "./quote.ts";

export const AIA_MODES = ["none", "aplic", "aplic-imsic"] as const;
export const CPU_MODELS = ["rv64", "max", "rva23s64"] as const;

/** Host interrupt controllers: PLIC, wired APLIC, or APLIC with IMSIC. */
export type AiaMode = (typeof AIA_MODES)[number];
export type CpuModel = (typeof CPU_MODELS)[number];

export interface MachineOptions extends DeviceOptions {
  readonly harts: number;
  readonly memoryMiB: number;
  readonly aia: AiaMode;
  /** Guest interrupt files of each hart, 0 to 7; with "aplic-imsic" only. */
  readonly aiaGuests?: number;
  readonly cpu: CpuModel;
  /** Whether the host has Sstc; off makes the hypervisor use SBI timers. */
  readonly sstc: "on" | "off";
  /** Whether the host has the H-extension; off is for the test of the message that says so. */
  readonly hypervisor?: "on" | "off";
  /** One instruction is one nanosecond of guest time and runs repeat exactly (slower: harts take turns on one thread). */
  readonly icount?: "on" | "off";
  /** TCP port on the loopback for gdb; with `gdbWait` the machine starts halted. */
  readonly gdbPort?: number;
  readonly gdbWait?: "yes" | "no";
  /** What QEMU does when the machine resets itself. */
  readonly onReset?: "restart" | "exit";
  /** A virtio console for the management channel, behind a unix socket that QEMU listens on. */
  readonly channel?: { readonly socket: string };
}

export const DEFAULT_MACHINE: MachineOptions = { harts: 2, memoryMiB: 1024, aia: "none", cpu: "rv64", sstc: "on" };

const MAX_HARTS = 512;

function checkMachine(options: MachineOptions): void {
  const { harts, memoryMiB, gdbPort } = options;
  if (!Number.isInteger(harts) || harts < 1 || harts > MAX_HARTS)
    throw new RangeError(`harts must be 1 to ${MAX_HARTS}, not ${harts}`);
  if (!Number.isInteger(memoryMiB) || memoryMiB < 16)
    throw new RangeError(`memory must be 16 MiB or more, not ${memoryMiB}`);
  if (gdbPort !== undefined && !(Number.isInteger(gdbPort) && gdbPort > 0 && gdbPort < 65536)) {
    throw new RangeError(`the gdb port must be 1 to 65535, not ${gdbPort}`);
  }
}

/** Arguments for the board, processors and memory: what the host's device tree depends on. */
export function boardArgs(options: MachineOptions): string[] {
  checkMachine(options);
  const cpu = [options.cpu, `h=${options.hypervisor === "off" ? "off" : "on"}`, `sstc=${options.sstc}`].join(",");
  return [
    "-machine",
    `virt,aia=${options.aia}${options.aiaGuests === undefined ? "" : `,aia-guests=${options.aiaGuests}`}`,
    "-cpu",
    cpu,
    "-smp",
    String(options.harts),
    "-m",
    `${options.memoryMiB}M`,
  ];
}

/** The longest path of a unix socket on Linux. */
const MAX_SOCKET = 107;

/** Arguments for the management channel: its socket, and the console on the virtio-mmio bus. */
function channelArgs({ socket }: { readonly socket: string }): string[] {
  if (Buffer.byteLength(socket) > MAX_SOCKET)
    throw new RangeError(`the channel's socket path is longer than ${MAX_SOCKET} bytes: ${socket}`);
  return [
    "-global",
    "virtio-mmio.force-legacy=false",
    "-chardev",
    `socket,id=channel,path=${qemuValue(socket)},server=on,wait=off`,
    "-device",
    "virtio-serial-device",
    "-device",
    "virtconsole,chardev=channel",
  ];
}

/** Arguments for the whole machine but what it boots and where its serial line goes. */
export function machineArgs(options: MachineOptions): string[] {
  const args = [...boardArgs(options), "-nodefaults", "-nic", "none", "-display", "none"];
  if (options.icount === "on") args.push("-icount", "shift=0,sleep=off");
  if (options.onReset === "exit") args.push("-no-reboot");
  if (options.channel) args.push(...channelArgs(options.channel));
  args.push(...deviceArgs(options));
  if (options.gdbPort !== undefined) args.push("-gdb", `tcp:127.0.0.1:${options.gdbPort}`);
  if (options.gdbPort !== undefined && options.gdbWait === "yes") args.push("-S");
  return args;
}

/** `-device loader` argument that puts a file's bytes at a physical address before the machine starts. */
export function loaderArgs(file: string, hpa: number): string[] {
  return ["-device", `loader,file=${qemuValue(file)},addr=0x${hpa.toString(16)},force-raw=on`];
}
