// SPDX-License-Identifier: Apache-2.0
// QEMU's own OpenSBI behind 16 bytes of machine code that tell the hart's instruction counter (Smcntrpmf's minstretcfg)
// which modes to count. It is how the benches count the hypervisor's instructions and the guest's apart, exactly and
// without touching either: QEMU counts, nothing in the machine knows.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { findQemu, run } from "@typeone/host";

const INHIBIT = { M: 1n << 62n, S: 1n << 61n, U: 1n << 60n, VS: 1n << 59n, VU: 1n << 58n } as const;
const FIRMWARE = "opensbi-riscv64-generic-fw_dynamic.bin";
/** Where OpenSBI starts in the file; it wants a boundary as large as itself. */
const OPENSBI_AT = 0x80000;

/** Which modes count: a hypervisor's own (and nothing else in S), a guest's, or all that is not firmware. */
export const COUNT = {
  hypervisor: INHIBIT.M | INHIBIT.VS | INHIBIT.VU,
  guest: INHIBIT.M | INHIBIT.S | INHIBIT.U,
  allButFirmware: INHIBIT.M,
} as const;

export type Counted = keyof typeof COUNT;

async function openSbi(): Promise<Buffer> {
  const { stdout } = await run(await findQemu(), ["-L", "help"]);
  const found = stdout
    .split("\n")
    .map((folder) => path.join(folder.trim(), FIRMWARE))
    .find((file) => existsSync(file));
  if (!found) throw new Error(`QEMU's ${FIRMWARE} is in none of its folders`);
  return readFile(found);
}

/** Writes the firmware with its counter set to `counted`; for `-bios`. */
export async function countingFirmware(counted: Counted, outDir: string): Promise<string> {
  const image = Buffer.alloc(OPENSBI_AT);
  image.writeUInt32LE(0x00000297, 0); // auipc t0, 0
  image.writeUInt32LE(0x0182b303, 4); // ld t1, 24(t0)
  image.writeUInt32LE(0x32231073, 8); // csrw minstretcfg, t1
  image.writeUInt32LE(jump(OPENSBI_AT - 12), 12); // j OpenSBI
  image.writeBigUInt64LE(COUNT[counted], 24);
  const file = path.join(outDir, `count-${counted}.bin`);
  await writeFile(file, Buffer.concat([image, await openSbi()]));
  return file;
}

/** jal x0, offset. */
function jump(offset: number): number {
  const field = (high: number, low: number): number => (offset >> low) & ((1 << (high - low + 1)) - 1);
  return ((field(20, 20) << 31) | (field(10, 1) << 21) | (field(11, 11) << 20) | (field(19, 12) << 12) | 0x6f) >>> 0;
}
