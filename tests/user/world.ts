// SPDX-License-Identifier: Apache-2.0
// What the cases share: one host with a Debian guest, alpha, that most of them work on, and how a person works with it.
// A case that broke the host costs the next one a new start, nothing more.
import assert from "node:assert/strict";
import path from "node:path";
import { GUEST_UP, REPO_ROOT } from "@typeone/host";
import type { Pty } from "../../packages/cli/src/testing/pty.ts";
import { Sandbox } from "./sandbox.ts";

export interface Case {
  readonly name: string;
  readonly limitSeconds: number;
  run(world: World): Promise<void>;
}

export interface Guest {
  readonly name: string;
  readonly id: number;
  readonly state: string;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

export interface HostFacts {
  readonly daemonPid: number;
  readonly qemuPid: number;
  readonly guests: number;
  readonly harts: number;
}

export const LEAVE = "\u001d";
export const BOOT_MS = 90_000;

const quiet = (name: string): string => `"console=ttyS0 quiet typeone.name=${name}"`;

/** A guest as YAML; also what `create` takes. */
export const guestYaml = (name: string, more = ""): string =>
  `name: ${name}\nkernel: debian\nramdisk: debian\nmemory: 128MiB\nbootargs: ${quiet(name)}\n${more}`;

const HOST = `host: { harts: 2, memory: 1GiB }
guests:
  - { name: alpha, kernel: debian, ramdisk: debian, memory: 128MiB, vcpus: 2, bootargs: ${quiet("alpha")} }
`;

export const guestCfg = (name: string): string => `# As Xen users write it.
name = "${name}"
kernel = "debian"
ramdisk = "debian"
extra = "console=ttyS0 quiet typeone.name=${name}"
memory = 128
vcpus = 1
on_poweroff = "preserve"
`;

export class World {
  readonly box = new Sandbox();
  readonly hypervisor: string;

  constructor(hypervisor: string) {
    this.hypervisor = hypervisor;
  }

  /** The shared host, running, with alpha at its prompt and nobody else. */
  async host(): Promise<HostFacts> {
    const { code, out } = await this.box.run("ls -o json");
    const guests = code === 0 ? (JSON.parse(out) as Guest[]) : [];
    if (guests.find(({ name }) => name === "alpha")?.state !== "running") await this.#restart();
    else for (const { name } of guests) if (name !== "alpha") await this.box.ok(["destroy", name, "--yes"]);
    return this.facts();
  }

  async #restart(): Promise<void> {
    await this.box.run("stop --yes");
    const file = this.box.file("host.yaml", HOST);
    // As a person writes it: relative to where typeone is called.
    const hypervisor = path.relative(REPO_ROOT, this.hypervisor);
    await this.box.ok(["run", file, "--detach", "--hypervisor", hypervisor]);
    await this.prompt("alpha");
  }

  facts(): Promise<HostFacts> {
    return this.box.json("host info");
  }

  guests(): Promise<readonly Guest[]> {
    return this.box.json("ls");
  }

  async state(name: string): Promise<string> {
    return (await this.guests()).find((guest) => guest.name === name)?.state ?? "gone";
  }

  /** A guest beside alpha, at its prompt. */
  async create(file: string, name: string): Promise<void> {
    await this.box.ok(["create", file]);
    await this.prompt(name);
  }

  /** How often the guest's userland has come up, as its console tells. */
  async boots(name: string): Promise<number> {
    return (await this.log(name)).split(`${GUEST_UP} ${name}`).length - 1;
  }

  log(name: string): Promise<string> {
    return this.box.ok(["logs", name]);
  }

  /** Waits for the guest's shell. */
  async prompt(name: string): Promise<void> {
    const wanted = new RegExp(`${name}:~# (\\u001b\\[6n)?$`);
    await this.box.until(
      `the prompt of ${name}`,
      () => this.log(name),
      (text) => wanted.test(text),
      BOOT_MS,
    );
  }

  /** At a guest's console as a person is: comes, works, leaves with Ctrl-]. */
  async atConsole(name: string, work: (pty: Pty) => Promise<void>): Promise<void> {
    const pty = this.box.terminal(["console", name]);
    await pty.expect("Ctrl-] leaves");
    await work(pty);
    pty.type(LEAVE);
    await pty.expect(`left the console of ${name}`);
    assert.equal(await pty.exited, 0);
  }
}

/** A shell line that prints `MARK 1`, `MARK 2` … five times a second in the background. */
export const counting = (mark: string): string =>
  `(i=0; while usleep 200000; do i=$((i+1)); echo "${mark} $i"; done) &\r`;

/** The numbers that were printed behind a mark, also where a prompt or typing came before it. */
export function counted(text: string, mark: string): number[] {
  return [...text.matchAll(new RegExp(`${mark} (\\d+)\\r?$`, "gm"))].map(([, number]) => Number(number));
}

/** Every number once, in order. */
export function assertNoGap(numbers: readonly number[], what: string): void {
  const first = numbers[0] ?? 0;
  const wrong = numbers.findIndex((number, at) => number !== first + at);
  assert.equal(wrong, -1, `${what}: after ${numbers[wrong - 1]} came ${numbers[wrong]}`);
}
