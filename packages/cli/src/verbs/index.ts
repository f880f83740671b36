// SPDX-License-Identifier: Apache-2.0
// The table of verbs: names, xl's names for them, groups, summaries; each verb's file is loaded when it is asked for.
// Help, completion, the menu and dispatch come from it. To add one: write verbs/NAME.ts and add a line here.
import type { VerbTable } from "../verb.ts";

const vcpu: VerbTable = {
  ls: {
    group: "Guests",
    summary: "vCPUs: state, hart, time, policy, affinity",
    aliases: ["list"],
    load: async () => (await import("./vcpu.ts")).ls,
  },
  pin: {
    group: "Guests",
    summary: "which harts a vCPU may run on",
    load: async () => (await import("./vcpu.ts")).pin,
  },
  set: {
    group: "Guests",
    summary: "how many vCPUs a guest may run (hotplug)",
    load: async () => (await import("./vcpu.ts")).set,
  },
  tune: {
    group: "Guests",
    summary: "priority and weight",
    load: async () => (await import("./vcpu.ts")).tune,
  },
  stats: {
    group: "Guests",
    summary: "time, switches, exits by kind",
    load: async () => (await import("./vcpu.ts")).stats,
  },
  regs: { group: "Guests", summary: "registers", load: async () => (await import("./vcpu.ts")).regs },
  pause: { group: "Guests", summary: "take a vCPU off its hart", load: async () => (await import("./vcpu.ts")).pause },
  resume: {
    group: "Guests",
    summary: "let it run again",
    aliases: ["unpause"],
    load: async () => (await import("./vcpu.ts")).resume,
  },
};

const disk: VerbTable = {
  ls: {
    group: "Guests",
    summary: "disks of guests and of the host: size, what was read and written, state",
    aliases: ["list"],
    load: async () => (await import("./disk.ts")).ls,
  },
  stats: {
    group: "Guests",
    summary: "requests, bytes, errors, what is under way",
    load: async () => (await import("./disk.ts")).stats,
  },
  attach: {
    group: "Guests",
    summary: "give a guest that runs a disk",
    load: async () => (await import("./disk.ts")).attach,
  },
  detach: { group: "Guests", summary: "take one away", load: async () => (await import("./disk.ts")).detach },
  limit: {
    group: "Guests",
    summary: "most bytes and requests a second",
    load: async () => (await import("./disk.ts")).limit,
  },
};

const net: VerbTable = {
  ls: {
    group: "Guests",
    summary: "networks and who is on them: address, VLAN, rate, link",
    aliases: ["list"],
    load: async () => (await import("./net.ts")).ls,
  },
  stats: {
    group: "Guests",
    summary: "packets, bytes and drops of every port",
    load: async () => (await import("./net.ts")).stats,
  },
  attach: {
    group: "Guests",
    summary: "give a guest that runs a network interface",
    load: async () => (await import("./net.ts")).attach,
  },
  detach: { group: "Guests", summary: "take one away", load: async () => (await import("./net.ts")).detach },
  limit: {
    group: "Guests",
    summary: "most bytes a second that it sends",
    load: async () => (await import("./net.ts")).limit,
  },
};

const host: VerbTable = {
  info: {
    group: "Hosts",
    summary: "version, memory, limits, channel",
    load: async () => (await import("./host.ts")).info,
  },
  cpu: {
    group: "Hosts",
    summary: "harts: load, interrupts, who runs",
    load: async () => (await import("./host.ts")).cpu,
  },
  mem: { group: "Hosts", summary: "who has which memory", load: async () => (await import("./host.ts")).mem },
  irq: { group: "Hosts", summary: "interrupts, owners, counts", load: async () => (await import("./host.ts")).irq },
  stats: {
    group: "Hosts",
    summary: "counters of everything in use",
    load: async () => (await import("./host.ts")).stats,
  },
  reset: { group: "Hosts", summary: "restart the machine", load: async () => (await import("./host.ts")).reset },
};

const crash: VerbTable = {
  ls: {
    group: "Looking inside",
    summary: "guests that crashed, and why",
    aliases: ["list"],
    load: async () => (await import("./crash.ts")).ls,
  },
  show: {
    group: "Looking inside",
    summary: "cause, registers and last exits of one",
    load: async () => (await import("./crash.ts")).show,
  },
};

const rootfs: VerbTable = {
  ls: {
    group: "Files",
    summary: "root file systems in the cache",
    aliases: ["list"],
    load: async () => (await import("./rootfs.ts")).ls,
  },
  build: {
    group: "Files",
    summary: "a Debian root file system on a disk image, from Debian's packages",
    load: async () => (await import("./rootfs.ts")).build,
  },
};

export const VERBS: VerbTable = {
  run: {
    group: "Hosts",
    summary: "start a host from a configuration",
    load: async () => (await import("./run.ts")).default,
  },
  hosts: { group: "Hosts", summary: "hosts that run", load: async () => (await import("./hosts.ts")).hosts },
  stop: { group: "Hosts", summary: "end a host", load: async () => (await import("./hosts.ts")).stop },
  host: { group: "Hosts", summary: "what the machine is and does", verbs: host },
  daemon: {
    group: "Hosts",
    summary: "make sure that a host's background process runs",
    hidden: "yes",
    load: async () => (await import("./hosts.ts")).daemon,
  },
  ls: {
    group: "Guests",
    summary: "all guests",
    aliases: ["list", "ps"],
    load: async () => (await import("./ls.ts")).default,
  },
  create: { group: "Guests", summary: "a new guest", load: async () => (await import("./create.ts")).default },
  start: { group: "Guests", summary: "start a guest", load: async () => (await import("./action.ts")).start },
  pause: { group: "Guests", summary: "take it off the harts", load: async () => (await import("./action.ts")).pause },
  resume: {
    group: "Guests",
    summary: "let it run again",
    aliases: ["unpause"],
    load: async () => (await import("./action.ts")).resume,
  },
  reboot: { group: "Guests", summary: "ask it to reboot", load: async () => (await import("./action.ts")).reboot },
  reset: { group: "Guests", summary: "its reset button", load: async () => (await import("./action.ts")).reset },
  shutdown: {
    group: "Guests",
    summary: "ask it to turn itself off",
    load: async () => (await import("./action.ts")).shutdown,
  },
  poweroff: { group: "Guests", summary: "pull its plug", load: async () => (await import("./action.ts")).poweroff },
  destroy: {
    group: "Guests",
    summary: "remove it and all that it had",
    aliases: ["rm"],
    load: async () => (await import("./action.ts")).destroy,
  },
  console: {
    group: "Guests",
    summary: "its console in this terminal",
    load: async () => (await import("./console.ts")).default,
  },
  vcpu: { group: "Guests", summary: "its vCPUs", verbs: vcpu },
  disk: { group: "Guests", summary: "its disks, and the host's", verbs: disk },
  net: { group: "Guests", summary: "its network interfaces, and the networks", aliases: ["network"], verbs: net },
  logs: {
    group: "Looking inside",
    summary: "what a guest's console said",
    load: async () => (await import("./log.ts")).logs,
  },
  dmesg: {
    group: "Looking inside",
    summary: "the hypervisor's log",
    load: async () => (await import("./log.ts")).dmesg,
  },
  info: {
    group: "Looking inside",
    summary: "all about a guest, or the host",
    load: async () => (await import("./info.ts")).default,
  },
  top: {
    group: "Looking inside",
    summary: "who uses the harts, live",
    load: async () => (await import("./top.ts")).default,
  },
  trace: {
    group: "Looking inside",
    summary: "exits and scheduling: live, as histograms, for Perfetto",
    load: async () => (await import("./trace.ts")).default,
  },
  mem: { group: "Looking inside", summary: "a guest's memory", load: async () => (await import("./mem.ts")).default },
  crash: { group: "Looking inside", summary: "crash records", verbs: crash },
  "vcpu-list": {
    group: "Guests",
    summary: "xl's vcpu ls",
    hidden: "yes",
    load: async () => (await import("./vcpu.ts")).ls,
  },
  "vcpu-pin": {
    group: "Guests",
    summary: "xl's vcpu pin",
    hidden: "yes",
    load: async () => (await import("./vcpu.ts")).pin,
  },
  "vcpu-set": {
    group: "Guests",
    summary: "xl's vcpu set",
    hidden: "yes",
    load: async () => (await import("./vcpu.ts")).set,
  },
  "block-list": {
    group: "Guests",
    summary: "xl's disk ls",
    hidden: "yes",
    load: async () => (await import("./disk.ts")).ls,
  },
  "block-detach": {
    group: "Guests",
    summary: "xl's disk detach",
    hidden: "yes",
    load: async () => (await import("./disk.ts")).detach,
  },
  "network-list": {
    group: "Guests",
    summary: "xl's net ls",
    hidden: "yes",
    load: async () => (await import("./net.ts")).ls,
  },
  "network-detach": {
    group: "Guests",
    summary: "xl's net detach",
    hidden: "yes",
    load: async () => (await import("./net.ts")).detach,
  },
  compile: {
    group: "Files",
    summary: "a configuration as the tree that the hypervisor reads",
    load: async () => (await import("./compile.ts")).default,
  },
  image: {
    group: "Files",
    summary: "a system as one bootable file: ELF, flat Image, or for U-Boot",
    load: async () => (await import("./image.ts")).default,
  },
  rootfs: { group: "Files", summary: "disk images that guests boot Debian from", verbs: rootfs },
  demo: {
    group: "TypeOne",
    summary: "two Debian guests side by side, from nothing to their shells (--check: without a person)",
    load: async () => (await import("./demo.ts")).default,
  },
  doctor: {
    group: "TypeOne",
    summary: "check this machine and say what to do about what is missing",
    load: async () => (await import("./doctor.ts")).default,
  },
  menu: {
    group: "TypeOne",
    summary: "what can be run in this folder",
    load: async () => (await import("./menu.ts")).default,
  },
  completion: {
    group: "TypeOne",
    summary: "completion for bash, zsh or fish",
    load: async () => (await import("./completion.ts")).default,
  },
  help: {
    group: "TypeOne",
    summary: "help on a verb or a topic",
    load: async () => (await import("./help.ts")).default,
  },
  version: { group: "TypeOne", summary: "versions", load: async () => (await import("./version.ts")).default },
};
