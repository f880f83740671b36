// SPDX-License-Identifier: Apache-2.0
// Lets an unpacked image configure itself: boots it once under QEMU with guests/debian/configure.sh as PID 1, and follows
// that script on the serial line until it says that it is done and the machine is off. Called by image.ts.
import { writeFile } from "node:fs/promises";
import { StepError, lastLines } from "../errors.ts";
import type { Step } from "../progress.ts";
import { launch } from "../qemu/launch.ts";
import { qemuValue } from "../qemu/machine.ts";

export interface SecondStage {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly disk: string;
  /** How many packages there are, for the progress. */
  readonly packages: number;
  /** File that the whole output goes to when it fails. */
  readonly log: string;
  readonly step: Step;
}

const TITLE = "configure the packages";
/** Longer than this without a word from the guest is a hang. */
const SILENCE_MS = 180_000;
/** How long turning off may take. */
const OFF_MS = 30_000;

export function secondStageArgs({ kernel, ramdisk, disk }: Pick<SecondStage, "kernel" | "ramdisk" | "disk">): string[] {
  const drive = `if=none,id=root,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file=${qemuValue(disk)}`;
  return [
    ...["-machine", "virt", "-cpu", "rv64,h=off", "-smp", "2", "-m", "1024M", "-accel", "tcg,thread=multi,tb-size=256"],
    ...["-nodefaults", "-nic", "none", "-display", "none", "-no-reboot"],
    ...["-drive", drive, "-device", "virtio-blk-pci,drive=root", "-device", "virtio-rng-pci"],
    ...["-kernel", kernel, "-initrd", ramdisk],
    ...["-append", "console=ttyS0 quiet mitigations=off root=/dev/vda rw init=/usr/lib/typeone/configure.sh"],
  ];
}

/** What a line of the guest says: a package that is done, a step, the end. */
export type StageLine =
  | { readonly kind: "installed"; readonly name: string }
  | { readonly kind: "step"; readonly text: string }
  | { readonly kind: "failed"; readonly text: string }
  | { readonly kind: "done" };

export function parseStageLine(line: string): StageLine | undefined {
  const installed = /^status: (\S+?)(?::riscv64)?: installed\s*$/.exec(line)?.[1];
  if (installed !== undefined) return { kind: "installed", name: installed };
  const [, word, text] = /^TYPEONE-IMAGE (step|failed|done)(?:: (.*?))?\s*$/.exec(line) ?? [];
  const lost = /^typeone: (.*); a shell of the ramdisk follows\s*$/.exec(line)?.[1];
  if (lost !== undefined) return { kind: "failed", text: lost };
  if (word === "done") return { kind: "done" };
  if (word === "step" || word === "failed") return { kind: word, text: text ?? "" };
  return undefined;
}

/** Resolves when the image is configured and its machine is off. */
export async function runSecondStage(stage: SecondStage): Promise<void> {
  const machine = await launch(secondStageArgs(stage));
  const installed = new Set<string>();
  let rest = "";
  let outcome: StageLine | undefined;
  const end = (said: StageLine): void => {
    outcome ??= said;
    // It turns itself off; a machine that cannot is not waited for.
    setTimeout(() => void machine.kill(), OFF_MS).unref();
  };
  const read = (line: string): void => {
    const said = parseStageLine(line);
    if (!said) return;
    if (said.kind === "done" || said.kind === "failed") end(said);
    else if (said.kind === "step") stage.step.update(said.text);
    else {
      installed.add(said.name);
      stage.step.update(`${installed.size} of ${stage.packages}  ${said.name}`);
    }
  };
  let silence: NodeJS.Timeout | undefined;
  let hung = false;
  const alive = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      hung = true;
      void machine.kill();
    }, SILENCE_MS);
  };
  alive();
  machine.console.onData((bytes) => {
    alive();
    const lines = (rest + bytes.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(read);
  });
  const exit = await machine.exited;
  clearTimeout(silence);
  if (outcome?.kind === "done" && !hung) return;
  await writeFile(stage.log, machine.console.text);
  const said = outcome?.kind === "failed" ? `${outcome.text} failed` : "the guest ended before it was done";
  const why = hung ? `the guest said nothing for ${SILENCE_MS / 1000} s` : said;
  const complaint = lastLines(exit.stderr, 3);
  throw new StepError({ step: TITLE, why: complaint === "" ? why : `${why}\n${complaint}`, fix: `read ${stage.log}` });
}
