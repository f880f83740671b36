// SPDX-License-Identifier: Apache-2.0
// AIA guests under QEMU: with and without guest interrupt files of the harts, alone and more vCPUs than files; messages
// between vCPUs on harts of their own are counted to cost no exit.
import { GUEST_UP } from "@typeone/host";
import { debianGuest } from "./debian.ts";
import type { Running, Scenario } from "./scenario.ts";

/** Every guest of the scenario gets interrupt files. */
const withFiles = (names: readonly string[]): NonNullable<Scenario["editTree"]> => {
  return (tree) => {
    for (const name of names) tree.ensure(`/chosen/guest-${name}`).assign({ "typeone,interrupts": "aia" });
  };
};

const imsic = (aiaGuests: number, harts: number) => ({ aia: "aplic-imsic", aiaGuests, harts }) as const;

function payload(name: string, guestFiles: number, shape: { harts: number; cpus: readonly number[] }): Scenario {
  const guests = shape.cpus.map((cpus, index) => ({
    payload: "imsic",
    name: `imsic${index}`,
    cpus,
    args: "rounds=100",
  }));
  return {
    name,
    guests,
    machine: imsic(guestFiles, shape.harts),
    editTree: withFiles(guests.map((guest) => guest.name)),
    timeoutMs: 90_000,
  };
}

function debian(
  guestFiles: number,
  shape: { harts: number; cpus: number; guests?: number; cpu?: "rv64" | "max" },
): Scenario {
  const { harts, cpus, guests = 1, cpu = "rv64" } = shape;
  const names = Array.from({ length: guests }, (_, index) => `debian${index}`);
  return {
    name: `Debian with AIA: ${guests} of ${cpus} vCPUs on ${harts} harts (${cpu}), ${guestFiles} guest files`,
    guests: [],
    machine: { ...imsic(guestFiles, harts), memoryMiB: 1536, cpu },
    timeoutMs: 180_000,
    others: () => Promise.all(names.map((name) => debianGuest(name, "poweroff", cpus))),
    editTree: withFiles(names),
    act: async ({ transcript, signal }) => {
      const up = (name: string) => transcript.of(name).some((line) => line.includes(`${GUEST_UP} ${name}`));
      const off = (name: string) => transcript.of(name).some((line) => line.includes("reboot: Power down"));
      await transcript.until(() => names.every((name) => up(name) && off(name)), signal);
    },
  };
}

/** All exits of a guest's vCPU so far, as the terminal says. */
async function exitsOf({ machine, transcript, signal }: Running, guest: string, vcpu: number): Promise<number> {
  const from = transcript.raw.length;
  const found = () => /all exits\s+(\d+)/.exec(transcript.raw.slice(from))?.[1];
  machine.console.type(`vcpu dumpstat ${guest} ${vcpu}\r`);
  await transcript.until(() => found() !== undefined, signal);
  return Number(found());
}

const MANY = 2000;

/** Two guests that differ in how many messages go to and fro only: 2000 rounds more must not cost exits. */
const noExits: Scenario = {
  name: "messages between vCPUs on harts of their own cost no exit",
  guests: [
    { payload: "imsic", name: "few", cpus: 2, args: "rounds=100" },
    { payload: "imsic", name: "many", cpus: 2, args: `rounds=${100 + MANY}` },
  ],
  machine: imsic(1, 4),
  editTree: withFiles(["few", "many"]),
  act: async (running) => {
    for (const vcpu of [0, 1]) {
      const few = await exitsOf(running, "few", vcpu);
      const many = await exitsOf(running, "many", vcpu);
      if (many - few > MANY / 100)
        throw new Error(`vCPU ${vcpu}: ${many} exits with ${MANY} rounds more, ${few} without`);
    }
  },
};

const refused: Scenario = {
  name: "an AIA guest on a host without AIA",
  guests: [{ payload: "hello", ends: "never" }],
  editTree: withFiles(["hello"]),
  act: async ({ transcript, signal }) => {
    await transcript.until(
      () => /hello cannot be created: typeone,interrupts is "aia".*no Ssaia/.test(transcript.raw),
      signal,
    );
  },
};

export const aiaScenarios: readonly Scenario[] = [
  noExits,
  refused,
  payload("messages, 4 vCPUs on 4 harts, files in memory", 0, { harts: 4, cpus: [4] }),
  payload("messages, 4 vCPUs on 4 harts, 3 guest files", 3, { harts: 4, cpus: [4] }),
  payload("messages, 4 vCPUs on 2 harts, 1 guest file", 1, { harts: 2, cpus: [4] }),
  payload("messages of two guests on one hart, 1 guest file", 1, { harts: 1, cpus: [2, 2] }),
];

export const aiaDebianScenarios: readonly Scenario[] = [
  debian(0, { harts: 2, cpus: 2 }),
  debian(1, { harts: 1, cpus: 1 }),
  debian(3, { harts: 4, cpus: 4 }),
  debian(7, { harts: 2, cpus: 2, cpu: "max" }),
  debian(1, { harts: 1, cpus: 2, guests: 2 }),
];
