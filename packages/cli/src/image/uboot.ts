// SPDX-License-Identifier: Apache-2.0
// A boot script for U-Boot in the form that its `source` command reads: a legacy image header, then the script. Pure.
import { crc32 } from "@typeone/protocol";

const MAGIC = 0x27051956;
const HEADER = 64;
const OS_LINUX = 5;
const ARCH_RISCV = 26;
const TYPE_SCRIPT = 6;

/** What U-Boot does: loads the Image from where the script came from, and boots it with its own device tree. */
export function bootScript(imageName: string): string {
  return [
    `echo TypeOne: \${devtype} \${devnum}:\${distro_bootpart}`,
    `load \${devtype} \${devnum}:\${distro_bootpart} \${kernel_addr_r} \${prefix}${imageName}`,
    "booti ${kernel_addr_r} - ${fdtcontroladdr}",
    "",
  ].join("\n");
}

/** As `mkimage -T script` makes it; the time is left 0 so that equal inputs make equal files. */
export function scriptImage(script: string, name: string): Uint8Array {
  const text = Buffer.from(script);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(text.length, 0);
  const data = Buffer.concat([lengths, text]);
  const head = Buffer.alloc(HEADER);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(data.length, 12);
  head.writeUInt32BE(crc32(data), 24);
  head.writeUInt8(OS_LINUX, 28);
  head.writeUInt8(ARCH_RISCV, 29);
  head.writeUInt8(TYPE_SCRIPT, 30);
  head.write(name.slice(0, 31), 32, "latin1");
  head.writeUInt32BE(crc32(head), 4);
  return Buffer.concat([head, data]);
}
