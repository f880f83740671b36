// SPDX-License-Identifier: Apache-2.0
// What a kernel file is, from its first bytes: something that a guest can start from, or something that only looks like
// it, with a word on how to get from there to a kernel. As core/guest/image.ts will see it. Pure.
import type { Fault } from "../units.ts";

/** Bytes of the file that the judgement needs. */
export const HEAD_BYTES = 0x210;

export interface Kernel {
  readonly format: "linux-image" | "flat";
  /** Where in guest RAM it goes, and how much RAM it takes from there. */
  readonly offset: number;
  readonly extent: number;
}

const USUAL_OFFSET = 0x20_0000;
const ALIGNMENT = 0x20_0000n;
const HEADER = 64;
const EM_RISCV = 243;
const MACHINES: Readonly<Record<number, string>> = {
  3: "x86",
  40: "Arm",
  62: "x86-64",
  183: "arm64",
  [EM_RISCV]: "RISC-V",
};

const IMAGE = "the Image that a riscv64 kernel build leaves in arch/riscv/boot";

interface Signature {
  readonly at: number;
  readonly bytes: string;
  readonly wrong: string;
  readonly fix: string;
}

const packed = (name: string, bytes: string, command: string): Signature => ({
  at: 0,
  bytes,
  wrong: `is compressed with ${name}`,
  fix: `unpack it: ${command}`,
});

/** Files that people mistake for kernels of a riscv64 guest; bytes as latin1 text. */
const WRONG: readonly Signature[] = [
  packed("gzip", "\x1f\x8b", "gunzip -c FILE > Image"),
  packed("xz", "\xfd7zXZ\0", "xz -dc FILE > Image"),
  packed("zstd", "\x28\xb5\x2f\xfd", "zstd -dc FILE > Image"),
  packed("bzip2", "BZh", "bunzip2 -c FILE > Image"),
  packed("lz4", "\x02\x21\x4c\x18", "lz4 -dc FILE > Image"),
  packed("lz4", "\x04\x22\x4d\x18", "lz4 -dc FILE > Image"),
  { at: 4, bytes: "zimg", wrong: "is a compressed EFI image (zboot)", fix: `use ${IMAGE}` },
  { at: 0x202, bytes: "HdrS", wrong: "is an x86 kernel (bzImage)", fix: "use a riscv64 kernel's Image" },
  { at: 0x38, bytes: "ARM\x64", wrong: "is an arm64 kernel", fix: "use a riscv64 kernel's Image" },
  {
    at: 0x24,
    bytes: "\x18\x28\x6f\x01",
    wrong: "is a 32-bit Arm kernel (zImage)",
    fix: "use a riscv64 kernel's Image",
  },
  {
    at: 0,
    bytes: "\x27\x05\x19\x56",
    wrong: "is wrapped for U-Boot (uImage)",
    fix: "unwrap it: dumpimage -o Image FILE",
  },
  { at: 0, bytes: "\xd0\x0d\xfe\xed", wrong: "is a device tree or a FIT image", fix: "name the kernel alone" },
  {
    at: 0,
    bytes: "!<arch>",
    wrong: "is an archive, perhaps a Debian package",
    fix: "unpack it: dpkg-deb -x FILE folder",
  },
  {
    at: 0,
    bytes: "070701",
    wrong: "is a cpio archive, as ramdisks are",
    fix: "name it as ramdisk, and a kernel as kernel",
  },
];

export function judgeKernel(head: Uint8Array, size: number): Kernel | Fault {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  if (text.startsWith("\x7fELF")) return elf(head);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const image = head.length >= HEADER && (text.startsWith("RSC\x05", 0x38) || text.startsWith("RISCV\0\0\0", 0x30));
  if (image) return linuxImage(view, size);
  const known = WRONG.find(({ at, bytes }) => text.startsWith(bytes, at));
  if (known) return { wrong: known.wrong, fix: known.fix };
  if (text.startsWith("MZ")) return { wrong: "is an EFI program, but no RISC-V Linux Image", fix: `use ${IMAGE}` };
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) {
    const what = text.startsWith("version https://git-lfs") ? "is a Git LFS pointer" : "is a text";
    return { wrong: `${what}, not a kernel`, fix: `use ${IMAGE}, or a flat binary` };
  }
  return { format: "flat", offset: USUAL_OFFSET, extent: size };
}

function elf(head: Uint8Array): Fault {
  const machine = (head[18] ?? 0) | ((head[19] ?? 0) << 8);
  const name = MACHINES[machine] ?? `machine ${machine}`;
  if (machine !== EM_RISCV) return { wrong: `is an ELF program for ${name}`, fix: "use a riscv64 kernel's Image" };
  const flat = "riscv64-linux-gnu-objcopy -O binary FILE Image";
  return {
    wrong: "is an ELF file, which guests are not started from",
    fix: `use ${IMAGE}, or make a flat binary: ${flat}`,
  };
}

function linuxImage(view: DataView, size: number): Kernel | Fault {
  if (view.getBigUint64(0x18, true) & 1n) {
    return { wrong: "is a big-endian kernel, which no hart here can run", fix: "use a little-endian kernel" };
  }
  const [offset, extent] = [view.getBigUint64(0x08, true), view.getBigUint64(0x10, true)];
  const plausible = offset < 1n << 40n && extent < 1n << 40n;
  if (!plausible || (extent !== 0n && offset % ALIGNMENT !== 0n)) {
    return {
      wrong: "has an Image header that contradicts itself",
      fix: "get the kernel again; the file may be damaged",
    };
  }
  return { format: "linux-image", offset: Number(offset), extent: Math.max(Number(extent), size) };
}
