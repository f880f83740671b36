// SPDX-License-Identifier: Apache-2.0
// A folder for one test file's configurations, with kernels and ramdisks that look like real ones.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { formatProblem, loadSystem, type LoadedSystem, type LoadOptions } from "../src/index.ts";

/** The first bytes of a RISC-V Linux Image. */
export function imageHeader(change: { offset?: bigint; size?: bigint; flags?: bigint } = {}): Uint8Array {
  const head = Buffer.alloc(64);
  head.write("MZ", 0, "latin1");
  head.writeBigUInt64LE(change.offset ?? 0x20_0000n, 0x08);
  head.writeBigUInt64LE(change.size ?? 0x10_0000n, 0x10);
  head.writeBigUInt64LE(change.flags ?? 0n, 0x18);
  head.write("RISCV\0\0\0", 0x30, "latin1");
  head.write("RSC\x05", 0x38, "latin1");
  return head;
}

export class Folder {
  readonly path = mkdtempSync(path.join(tmpdir(), "typeone-config-"));

  constructor() {
    this.write("Image", imageHeader());
    this.write("initrd", "\x1f\x8b ramdisk");
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  write(name: string, data: string | Uint8Array): string {
    const file = this.file(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(
      file,
      typeof data === "string" ? Buffer.from(data, name.startsWith("initrd") ? "latin1" : "utf8") : data,
    );
    return file;
  }

  /** A file of that many bytes that takes no room on the disk. */
  sparse(name: string, head: Uint8Array, bytes: number): void {
    truncateSync(this.write(name, head), bytes);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  async load(name: string, text: string, options?: LoadOptions): Promise<LoadedSystem> {
    return loadSystem(this.write(name, text), options);
  }

  /** The problems of a configuration as a person sees them, with short file names. */
  async problems(name: string, text: string, options?: LoadOptions): Promise<string[]> {
    const { problems } = await this.load(name, text, options);
    return problems.map((problem) => formatProblem(problem, { color: "never" }).replaceAll(`${this.path}/`, ""));
  }
}
