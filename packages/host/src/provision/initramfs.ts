// SPDX-License-Identifier: Apache-2.0
// The guests' initramfs: Debian's static busybox, links for its commands, and an /init that announces userland and then
// does what the kernel command line says. Called by the demo, the benches and the matrix; the same busybox gives the
// same bytes, so instruction counts repeat.
//
//   typeone.name=NAME                     host name
//   typeone.mode=shell|poweroff|reboot    what to do once userland is up (shell when absent)
//   typeone.tty=ROWSxCOLUMNS              size of the terminal behind the serial line (24x80 when absent)
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { CACHE_DIR } from "../paths.ts";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import type { DebianFile } from "./debian.ts";

/** What /init prints, followed by a blank and the host name, when userland is reached. */
export const GUEST_UP = "TYPEONE-GUEST-UP";

export type GuestMode = "shell" | "poweroff" | "reboot";

/** Commands that get a link in /bin. Debian's busybox has more: `busybox --list` in a guest shows them. */
const APPLETS = (
  "[ ash awk base64 basename bc busybox cat chmod chown chroot clear cmp cp crc32 cttyhack cut date dc dd devmem df dirname dmesg " +
  "du echo ed env expr false find fold free grep gunzip gzip head hexdump hostname id ifconfig insmod ip kill killall " +
  "less ln logger ls lsmod md5sum microcom mkdir mkfifo mknod mktemp modprobe more mount mv nc nproc od paste " +
  "pidof ping printf ps pwd readlink realpath renice rev rm rmdir rmmod route sed seq setsid sh sha1sum sha256sum " +
  "shuf sleep sort stat strings stty sync sysctl tac tail tar taskset tee test time timeout top touch tr true truncate tty " +
  "umount uname uniq uptime usleep vi watch wc wget which who xargs xxd yes zcat"
).split(" ");

/** The line in the guest's kernel log that carries its clock at userland, in microseconds. */
export const GUEST_UP_STAMP = /\[\s*(\d+\.\d+)\] typeone: userland/;

/** PID 1. No command is started before the announcement but the mounts: each start costs a guest about a million instructions. */
export const INIT_SCRIPT = `#!/bin/busybox sh
export PATH=/bin:/sbin HOME=/root TERM=\${TERM:-vt220}
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
name=guest mode=shell size=24x80
read -r line < /proc/cmdline
for word in $line; do
  case $word in
    typeone.name=*) name=\${word#typeone.name=} ;;
    typeone.mode=*) mode=\${word#typeone.mode=} ;;
    typeone.tty=*) size=\${word#typeone.tty=} ;;
  esac
done
echo "$name" > /proc/sys/kernel/hostname
echo "typeone: userland" > /dev/kmsg
echo "${GUEST_UP} $name"
case $mode in
  poweroff) exec /bin/busybox poweroff -f ;;
  reboot) exec /bin/busybox reboot -f ;;
esac
/bin/busybox mkdir -p /dev/pts
/bin/busybox mount -t devpts devpts /dev/pts
/bin/busybox stty rows \${size%x*} cols \${size#*x}
export PS1='\\h:\\w\\$ ' ENV=/etc/shrc
cd /root
while :; do
  /bin/busybox setsid /bin/busybox cttyhack /bin/sh -i
  echo "the shell ended; starting another one (type poweroff to shut this guest down)"
done
`;

/**
 * Busybox's shell runs its own applets before it looks at PATH, and its poweroff asks an init that is not there:
 * functions come before applets, and the programs in /sbin are for scripts.
 */
const POWER = ["halt", "poweroff", "reboot"];
const SHELL_RC = POWER.map((name) => `${name}() { /sbin/${name}; }\n`).join("");
const powerScript = (applet: string) => `#!/bin/busybox sh\n/bin/busybox sync\nexec /bin/busybox ${applet} -f\n`;

/** Archive entries around one busybox binary. */
export function initramfsEntries(busybox: Uint8Array): CpioEntry[] {
  const folders = ["bin", "sbin", "dev", "proc", "sys", "etc", "root", "tmp"];
  return [
    ...folders.map((name) => ({ kind: "directory", name }) as const),
    // Opened by the kernel for PID 1 before devtmpfs is mounted.
    { kind: "device", name: "dev/console", major: 5, minor: 1 },
    { kind: "file", name: "bin/busybox", data: busybox, mode: 0o755 },
    ...APPLETS.filter((name) => name !== "busybox").map(
      (name) => ({ kind: "symlink", name: `bin/${name}`, target: "busybox" }) as const,
    ),
    ...POWER.map((name) => ({ kind: "file", name: `sbin/${name}`, data: powerScript(name), mode: 0o755 }) as const),
    { kind: "file", name: "etc/shrc", data: SHELL_RC },
    { kind: "file", name: "etc/passwd", data: "root:x:0:0:root:/root:/bin/sh\n" },
    { kind: "file", name: "etc/group", data: "root:x:0:\n" },
    { kind: "file", name: "init", data: INIT_SCRIPT, mode: 0o755 },
  ];
}

/** Writes the initramfs (or finds it already written) and answers its path and size. */
export async function buildInitramfs(
  busybox: DebianFile,
  cacheDir = path.join(CACHE_DIR, "guest"),
): Promise<{ path: string; bytes: number }> {
  const recipe = JSON.stringify(initramfsEntries(new Uint8Array()));
  const key = createHash("sha256").update(busybox.sha256).update(recipe).digest("hex").slice(0, 16);
  const file = path.join(cacheDir, `initramfs-${key}.cpio`);
  const known = await stat(file).catch(() => undefined);
  if (known) return { path: file, bytes: known.size };
  const archive = writeCpio(initramfsEntries(await readFile(busybox.path)));
  await mkdir(cacheDir, { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, archive);
  await rename(partial, file);
  return { path: file, bytes: archive.length };
}

export interface GuestBootargs {
  readonly name: string;
  readonly mode?: GuestMode;
  /** "quiet" for measurements; "normal" shows the kernel's messages. */
  readonly log?: "quiet" | "normal";
  readonly terminal?: { readonly rows: number; readonly columns: number };
}

/** Kernel command line for a guest of ours. */
export function guestBootargs(options: GuestBootargs): string {
  const words = ["console=ttyS0"];
  if (options.log !== "normal") words.push("quiet");
  words.push(`typeone.name=${options.name}`);
  if (options.mode !== undefined && options.mode !== "shell") words.push(`typeone.mode=${options.mode}`);
  if (options.terminal) words.push(`typeone.tty=${options.terminal.rows}x${options.terminal.columns}`);
  return words.join(" ");
}
