// SPDX-License-Identifier: Apache-2.0
// The management channel's protocol: every operation, every record, every number that crosses it. One definition, from
// which both ends' codecs are generated (render-wire.ts): structs for core/, encoders and decoders for Node.
//
// A frame, little-endian, before it is made free of zeros (COBS) and delimited by zero bytes:
//   0 u8 zero   1 u8 version   2 u8 kind   3 u8 0   4 u32 session   8 u32 sequence   12 u16 operation   14 i16 status
//   16 body (0 to MAX_BODY bytes)   …   u32 crc32 (IEEE 802.3) of everything before it
// An answer repeats session, sequence and operation of its request; its status is 0 or a negative WireStatus. With one
// that is not 0 its body is a Refusal (of Create: a Created) if there are words, else empty.

import { DEVICE_ENUMS, DEVICE_STRUCTS } from "./protocol-devices.ts";
import { bytes, type Struct, text, u16, u32, u64 } from "./wire-types.ts";

export type { Field, FieldType, Struct } from "./wire-types.ts";

export interface Operation {
  readonly number: number;
  readonly doc: string;
  /** A mutating one is done once however often its frame comes: the last answer is kept and repeated. */
  readonly mutates: boolean;
  readonly request: StructName | "none";
  /** What follows the request's struct: nothing or bytes. */
  readonly requestTail?: "bytes";
  readonly answer: StructName | "none";
  /** What follows the answer's struct: nothing, bytes, or as many records as fit. */
  readonly answerTail?: "bytes" | StructName;
}

export const WIRE_NUMBERS = {
  WIRE_VERSION: [1, "Version of this protocol"],
  WIRE_HEADER: [16, "Bytes of a frame before its body"],
  WIRE_CRC: [4, "Bytes of the checksum behind the body"],
  WIRE_MAX_BODY: [4096, "Most bytes of a body"],
  WIRE_KIND_REQUEST: [1, "From the toolstack"],
  WIRE_KIND_ANSWER: [2, "To one request"],
  WIRE_KIND_NOTICE: [3, "From the hypervisor, unasked: streams have news (struct Notice)"],
} as const;

/** Statuses of an answer. 0 to -8 are those of core/lib/status.ts. */
export const WIRE_STATUSES = {
  Ok: [0, "done, or begun"],
  Invalid: [-1, "an argument is wrong, or the state forbids it"],
  NoMemory: [-2, "too little memory"],
  NotFound: [-3, "there is no such thing"],
  Range: [-4, "an address, a size or an index leaves its range"],
  Busy: [-5, "something else is being done with it"],
  Unsupported: [-6, "this build or this host does not do that"],
  Malformed: [-7, "the data breaks its own format"],
  Limit: [-8, "a fixed limit is met; `detail` of the answer's text says which"],
  Session: [-20, "this session was taken over, or never began"],
  Stale: [-21, "a mutating request older than the last one"],
  Exists: [-22, "the name is taken"],
} as const;

export const WIRE_ENUMS = {
  WireState: {
    doc: "States of a guest",
    values: { Empty: 0, Created: 1, Running: 2, Paused: 3, Restarting: 4, Shutdown: 5, Crashed: 6, Loading: 7 },
  },
  WireAction: {
    doc: "What GuestAction asks for",
    values: { Start: 1, Pause: 2, Resume: 3, Reset: 4, Reboot: 5, Shutdown: 6, PowerOff: 7, Destroy: 8 },
  },
  WirePolicy: { doc: "What becomes of a guest that ends", values: { Preserve: 0, Restart: 1, Destroy: 2 } },
  WireStream: { doc: "Streams", values: { Console: 1, Log: 2, Events: 3, Trace: 4 } },
  WireEvent: {
    doc: "Kinds of events",
    values: { State: 1, Created: 2, Destroyed: 3, Crash: 4, RestartLimit: 5, Load: 6, Vcpu: 7, Session: 8 },
  },
  WireBlobState: { doc: "States of a blob", values: { Open: 1, Ready: 2, Bad: 3 } },
  WireOwner: { doc: "Owners of host memory", values: { Free: 0, Guest: 1, Blob: 2, Reserved: 3, Disk: 4 } },
  WireVcpuAction: {
    doc: "What VcpuAction asks for",
    values: { Pause: 1, Resume: 2, Affinity: 3, Priority: 4, Weight: 5 },
  },
  WireHostAction: { doc: "What HostAction asks for", values: { PowerOff: 1, Reset: 2 } },
  ...DEVICE_ENUMS,
} as const;

export const STRUCTS = {
  Hello: {
    doc: "Begins a session; a former one ends and what it had open is dropped.",
    fields: { version: u32("WIRE_VERSION of the toolstack"), reserved: u32("0") },
  },
  HelloAnswer: {
    doc: "What the hypervisor is.",
    fields: {
      version: u32("WIRE_VERSION of the hypervisor"),
      window: u32("Most bytes of frames, as on the wire, that may be unanswered at a time"),
      guestLimit: u32("Guests at once"),
      vcpuLimit: u32("vCPUs of one guest"),
      hartCount: u32("Harts that run"),
      exitKinds: u32("Exit kinds counted per vCPU"),
      ticksPerSecond: u64("Unit of all times that are in ticks"),
      now: u64("Host time in ticks"),
      release: text(16, "Version of the hypervisor"),
      build: text(72, "The build's id"),
      architecture: text(16, "riscv64, …"),
    },
  },
  Notice: {
    doc: "Body of a notice: where the streams end now. Sent once until the next Read or Poll.",
    fields: {
      events: u32("End of the event stream"),
      log: u32("End of the log stream"),
      consoles: u64("Bit per guest id: its console has bytes since the last Read of it"),
    },
  },
  HostInfo: {
    doc: "The machine and the hypervisor's own counters.",
    fields: {
      now: u64("Host time in ticks"),
      memoryTotal: u64("Bytes of RAM for guests"),
      memoryFree: u64("Bytes of it that are free"),
      ownUsed: u64("Bytes of the hypervisor itself, tables included"),
      ownFree: u64("Bytes of its arena that are free"),
      harts: u32("Harts that run"),
      guests: u32("Guests that exist"),
      guestLimit: u32("Guests at once"),
      vcpuLimit: u32("vCPUs of one guest"),
      tablesTotal: u32("Pages for stage-2 tables"),
      tablesFree: u32("Of them free"),
      timersArmed: u32("Host timers that are set, of guests"),
      vmidsInUse: u32("VMIDs that guests hold in the current generation"),
      blobs: u32("Blobs that exist"),
      lines: u32("Guest interrupt lines that are raised"),
      entities: u32("vCPUs that the scheduler knows"),
      unownedInterrupts: u32("Host interrupts that nobody owns"),
      events: u32("End of the event stream"),
      log: u32("End of the log stream"),
      framesIn: u32("Good frames received"),
      framesBad: u32("Pieces between delimiters that were no good frame"),
      hostBytesLost: u32("Bytes of the host's own console output lost"),
      stage2Levels: u32("Levels of stage-2 tables"),
      interrupts: text(16, "Host interrupt controller"),
      console: text(16, "Host console"),
    },
  },
  From: { doc: "Records from an index on.", fields: { from: u32("First index wanted"), reserved: u32("0") } },
  HartInfo: {
    doc: "One hart.",
    fields: {
      index: u32("0 and up"),
      online: u32("1 if it runs"),
      id: u64("Firmware's number"),
      idleTime: u64("Ticks without work"),
      timerInterrupts: u64("Timer interrupts"),
      ipis: u64("Software interrupts"),
      externalInterrupts: u64("Device interrupts"),
      currentGuest: u32("1 + id of the guest whose vCPU runs, 0 if none"),
      currentVcpu: u32("Index of that vCPU"),
    },
  },
  MemoryRun: {
    doc: "A run of host RAM with one owner.",
    fields: {
      hpa: u64("Where it begins"),
      size: u64("Bytes"),
      owner: u32("WireOwner"),
      guest: u32("Id, if a guest's"),
    },
  },
  IrqInfo: {
    doc: "A host interrupt that has an owner.",
    fields: {
      number: u32("Source"),
      hart: u32("Hart that takes it"),
      count: u64("How often"),
      owner: text(16, "Owner"),
    },
  },
  GuestHandle: {
    doc: "Names a guest; a handle of one that is gone names nothing.",
    fields: { guest: u32("Id"), generation: u32("Generation; 0 means whichever") },
  },
  GuestInfo: {
    doc: "One guest.",
    fields: {
      id: u32("Slot, 0 and up; people count from 1"),
      generation: u32("Handle generation"),
      state: u32("WireState"),
      wanted: u32("State that it is on its way to, 0 if none, 255 if it is to be gone"),
      vcpus: u32("vCPUs that may run"),
      maxVcpus: u32("vCPUs that it has"),
      onlineVcpus: u32("vCPUs that are started"),
      crashReason: u32("0 if there is no crash record"),
      memory: u64("Bytes of RAM"),
      ramBase: u64("gpa of RAM"),
      createdAt: u64("Host time in ticks"),
      startedAt: u64("Host time in ticks of the last start, 0 before"),
      runTime: u64("Ticks on harts, all vCPUs"),
      waitTime: u64("Ticks ready but not on a hart"),
      exits: u64("Exits, all vCPUs"),
      interrupts: u64("Interrupts injected, all vCPUs"),
      consoleOut: u64("Bytes that it sent"),
      consoleIn: u64("Bytes that it was sent"),
      consoleLost: u64("Bytes that it sent and nobody could see"),
      restarts: u32("Since it was created"),
      restartsLeft: u32("Before the limit on restart loops stops it"),
      loaded: u32("Percent of kernel and ramdisk that are in place, while it is loading"),
      policies: u32("WirePolicy: crash | reboot << 8 | poweroff << 16"),
      consoleEnd: u32("End of its console stream"),
      consoleInput: u32("Position of its console's input: the next Write begins there"),
      name: text(32, "Name"),
    },
  },
  VcpuFrom: {
    doc: "vCPUs of a guest from an index on.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation or 0"),
      from: u32("First index wanted"),
      reserved: u32("0"),
    },
  },
  VcpuInfo: {
    doc: "One vCPU.",
    fields: {
      index: u32("0 and up, the guest's hart id"),
      hart: u32("Hart that it belongs to now"),
      state: u32("Scheduler: 0 stopped, 1 waiting, 2 ready, 3 running"),
      hsm: u32("SBI HSM state"),
      policy: u32("0 priority, 1 rate-monotonic, 2 pinned"),
      priority: u32("0 to 7"),
      weight: u32("1 to 10000"),
      paused: u32("1 if held by the toolstack"),
      affinity: u64("Bit per hart"),
      runTime: u64("Ticks on harts"),
      waitTime: u64("Ticks ready but not on a hart"),
      switches: u64("Times that it came onto a hart"),
      exits: u64("All exits"),
      interrupts: u64("Interrupts injected, but for those that hardware (Sstc) or the vCPU itself (IPI) raises"),
    },
  },
  VcpuHandle: {
    doc: "Names a vCPU.",
    fields: { guest: u32("Id"), generation: u32("Generation or 0"), vcpu: u32("Index"), reserved: u32("0") },
  },
  ExitCount: { doc: "Exits of one kind.", fields: { count: u64("How many"), name: text(24, "Kind") } },
  Register: { doc: "One register.", fields: { value: u64("Value"), name: text(16, "Name") } },
  Crash: {
    doc: "Why the hypervisor stopped a guest.",
    fields: {
      reason: u32("0 if there is no record"),
      vcpu: u32("Index of the vCPU"),
      pc: u64("gva of its instruction"),
      detail: u64("The reason's own: an address, a cause"),
      hypervisorPc: u64("Of a hypervisor fault: hva"),
      hypervisorValue: u64("Of a hypervisor fault: faulting address"),
      when: u64("Host time in ticks"),
      trail: u32("Exits that are remembered"),
      registers: u32("Registers that are remembered"),
      cause: text(96, "In words"),
    },
  },
  TrailExit: {
    doc: "A remembered exit, newest first.",
    fields: {
      pc: u64("gva of the guest's instruction"),
      detail: u64("Extension, gpa or instruction"),
      func: u64("SBI function"),
      kind: u32("Exit kind"),
      reserved: u32("0"),
      name: text(24, "Exit kind in words"),
    },
  },
  BlobOpen: {
    doc: "Takes host memory for a blob, or finds one of the same digest that is complete.",
    fields: {
      size: u64("Bytes"),
      crc: u32("CRC-32 of the whole"),
      reserved: u32("0"),
      digest: bytes(32, "SHA-256, or random bytes for contents of its own"),
    },
  },
  BlobInfo: {
    doc: "A blob.",
    fields: {
      id: u32("Number"),
      state: u32("WireBlobState"),
      size: u64("Bytes"),
      position: u64("Bytes received in order"),
      owners: u32("Guests that hold it"),
      reserved: u32("0"),
      digest: bytes(32, "SHA-256 as told"),
    },
  },
  BlobWrite: {
    doc: "Bytes of a blob from a position on; what is before its position is ignored, a gap changes nothing.",
    fields: { id: u32("Number"), reserved: u32("0"), position: u64("Where the bytes begin") },
  },
  BlobPosition: {
    doc: "How far a blob is.",
    fields: { position: u64("Next byte"), state: u32("WireBlobState"), reserved: u32("0") },
  },
  BlobHandle: { doc: "Names a blob.", fields: { id: u32("Number"), reserved: u32("0") } },
  Create: {
    doc: "Makes a guest from blobs. The description is a flattened tree whose root is the xen,domain node.",
    fields: {
      description: u32("Blob, at most 4 KiB"),
      kernel: u32("Blob"),
      ramdisk: u32("Blob, 0 for none"),
      tree: u32("Blob of a guest tree, 0 to have one made"),
      start: u32("1 to start it, 0 to leave it created"),
      reserved: u32("0"),
    },
  },
  Refusal: {
    doc: "Why a request was refused, in words; empty if it was not.",
    fields: { words: text(120, "Which limit, which property") },
  },
  Created: {
    doc: "The new guest, or in words why there is none.",
    fields: { guest: u32("Id"), generation: u32("Generation"), words: text(120, "Which limit, which property") },
  },
  GuestAction: {
    doc: "Asks a guest to change; the event stream tells when it has.",
    fields: { guest: u32("Id"), generation: u32("Generation"), action: u32("WireAction"), reserved: u32("0") },
  },
  VcpuAction: {
    doc: "Changes a vCPU.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation"),
      vcpu: u32("Index"),
      action: u32("WireVcpuAction"),
      value: u64("Affinity mask, priority or weight"),
    },
  },
  VcpuCount: {
    doc: "How many vCPUs the guest may start (hotplug through HSM).",
    fields: { guest: u32("Id"), generation: u32("Generation"), count: u32("1 to maxVcpus"), reserved: u32("0") },
  },
  HostAction: { doc: "Ends or restarts the machine.", fields: { action: u32("WireHostAction"), reserved: u32("0") } },
  TraceControl: {
    doc: "Which kinds of events are traced.",
    fields: { mask: u32("Bit per kind; 0 is off"), reserved: u32("0") },
  },
  Read: {
    doc: "Bytes of a stream from a position on. Positions count bytes; of a trace, records.",
    fields: {
      stream: u16("WireStream"),
      index: u16("Guest id or hart"),
      generation: u32("Of a console: the guest's, or 0"),
      position: u32("Where to begin; what is gone already is skipped"),
      most: u32("Bytes wanted at most"),
    },
  },
  ReadAnswer: {
    doc: "What was there.",
    fields: {
      position: u32("Where the bytes begin"),
      end: u32("End of the stream"),
      lost: u32("Bytes lost for good so far"),
      reserved: u32("0"),
    },
  },
  Write: {
    doc: "Input for a guest's console from a position on; what was taken before is ignored.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation"),
      position: u32("Where the bytes begin"),
      reserved: u32("0"),
    },
  },
  WriteAnswer: {
    doc: "How far the input is.",
    fields: { position: u32("Next byte"), room: u32("Bytes that fit now") },
  },
  MemoryRead: {
    doc: "Bytes of a guest's RAM.",
    fields: {
      guest: u32("Id"),
      generation: u32("Generation"),
      gpa: u64("Where"),
      length: u32("At most WIRE_MAX_BODY"),
      reserved: u32("0"),
    },
  },
  Event: {
    doc: "One entry of the event stream; the stream's positions count bytes.",
    fields: {
      when: u64("Host time in ticks"),
      kind: u16("WireEvent"),
      guest: u16("Id, 0xffff if none"),
      generation: u32("Of the guest"),
      value: u32("New state, reason, …"),
      former: u32("State before"),
      reserved: u64("0"),
    },
  },
  ...DEVICE_STRUCTS,
} as const satisfies Record<string, Struct>;

export type StructName = keyof typeof STRUCTS;

const ask = (number: number, doc: string, shape: Omit<Operation, "number" | "doc" | "mutates">): Operation => ({
  number,
  doc,
  mutates: false,
  ...shape,
});
const change = (number: number, doc: string, shape: Omit<Operation, "number" | "doc" | "mutates">): Operation => ({
  number,
  doc,
  mutates: true,
  ...shape,
});

/** By name; the number is what crosses the wire. */
export const OPERATIONS = {
  Hello: ask(1, "Begins a session with the frame's session number", { request: "Hello", answer: "HelloAnswer" }),
  Bye: ask(2, "Ends the session", { request: "none", answer: "none" }),
  Poll: ask(3, "Keeps the session alive and tells where the streams end", { request: "none", answer: "Notice" }),
  HostInfo: ask(10, "The machine", { request: "none", answer: "HostInfo" }),
  Harts: ask(11, "The harts", { request: "From", answer: "none", answerTail: "HartInfo" }),
  Memory: ask(12, "Who has which host memory", { request: "From", answer: "none", answerTail: "MemoryRun" }),
  Irqs: ask(13, "Host interrupts", { request: "From", answer: "none", answerTail: "IrqInfo" }),
  HostDisks: ask(14, "Disks of the host", { request: "From", answer: "none", answerTail: "HostDiskInfo" }),
  Switches: ask(15, "Switches", { request: "From", answer: "none", answerTail: "SwitchInfo" }),
  Nics: ask(16, "NICs of the host", { request: "From", answer: "none", answerTail: "NicInfo" }),
  Guests: ask(20, "Guests whose id is at least `from`", { request: "From", answer: "none", answerTail: "GuestInfo" }),
  Vcpus: ask(21, "vCPUs of a guest", { request: "VcpuFrom", answer: "none", answerTail: "VcpuInfo" }),
  Exits: ask(22, "Exits of a vCPU by kind", {
    request: "VcpuHandle",
    answer: "none",
    answerTail: "ExitCount",
  }),
  Registers: ask(23, "Registers of a vCPU that is not on a hart now; Busy if it is", {
    request: "VcpuHandle",
    answer: "none",
    answerTail: "Register",
  }),
  Crash: ask(24, "A guest's crash record", { request: "GuestHandle", answer: "Crash" }),
  CrashTrail: ask(25, "Its last exits, newest first", { request: "VcpuFrom", answer: "none", answerTail: "TrailExit" }),
  CrashRegisters: ask(26, "Its registers", { request: "GuestHandle", answer: "none", answerTail: "Register" }),
  Disks: ask(27, "A guest's disks", { request: "DeviceFrom", answer: "none", answerTail: "DiskInfo" }),
  Nets: ask(28, "A guest's network interfaces", { request: "DeviceFrom", answer: "none", answerTail: "NetInfo" }),
  Read: ask(30, "Reads a stream", { request: "Read", answer: "ReadAnswer", answerTail: "bytes" }),
  Write: ask(31, "Writes a console's input", { request: "Write", requestTail: "bytes", answer: "WriteAnswer" }),
  MemoryRead: ask(32, "Reads a guest's RAM", { request: "MemoryRead", answer: "none", answerTail: "bytes" }),
  Blobs: ask(40, "The blobs", { request: "From", answer: "none", answerTail: "BlobInfo" }),
  BlobOpen: change(41, "Opens a blob", { request: "BlobOpen", answer: "BlobInfo" }),
  BlobWrite: ask(42, "Writes a blob", { request: "BlobWrite", requestTail: "bytes", answer: "BlobPosition" }),
  BlobDrop: change(43, "Gives a blob up; guests that hold it keep it", { request: "BlobHandle", answer: "none" }),
  Create: change(50, "Makes a guest", { request: "Create", answer: "Created" }),
  GuestAction: change(51, "Changes a guest", { request: "GuestAction", answer: "Refusal" }),
  VcpuAction: change(52, "Changes a vCPU", { request: "VcpuAction", answer: "Refusal" }),
  VcpuCount: change(53, "Changes how many vCPUs may run", { request: "VcpuCount", answer: "Refusal" }),
  DeviceAttach: change(54, "Gives a guest that exists a device", {
    request: "DeviceAttach",
    requestTail: "bytes",
    answer: "DeviceAttached",
  }),
  DeviceDetach: change(55, "Takes a device from a guest", { request: "DeviceDetach", answer: "none" }),
  DeviceLimits: change(56, "Changes a device's limits", { request: "DeviceLimits", answer: "none" }),
  HostAction: change(60, "Ends or restarts the machine", { request: "HostAction", answer: "none" }),
  TraceControl: change(61, "Switches tracing", { request: "TraceControl", answer: "none" }),
} as const satisfies Record<string, Operation>;
