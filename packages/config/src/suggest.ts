// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word that is closest to one that nobody knows. Pure.

/** Words that people bring from elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  initrd: "ramdisk",
  initramfs: "ramdisk",
  cmdline: "bootargs",
  extra: "bootargs",
  append: "bootargs",
  commandline: "bootargs",
  args: "bootargs",
  dtb: "deviceTree",
  fdt: "deviceTree",
  mem: "memory",
  ram: "memory",
  cpus: "vcpus",
  smp: "vcpus",
  cores: "vcpus",
  pin: "affinity",
  cpuset: "affinity",
  image: "kernel",
  vms: "guests",
  domains: "guests",
  guest: "guests",
  autoboot: "autostart",
  timeslice: "sliceUs",
  interrupts: "aia",
  drives: "disks",
  drive: "disks",
  blk: "disks",
  block: "disks",
  storage: "disks",
  vif: "networks",
  vifs: "networks",
  nic: "networks",
  nics: "networks",
  net: "networks",
  nets: "networks",
  switches: "networks",
  bridges: "networks",
  entropy: "rng",
  readonly: "readOnly",
  cow: "overlay",
  bridge: "network",
  source: "from",
  macaddress: "mac",
  bps: "rate",
  sectorcount: "sectors",
};

const plain = (word: string): string => word.toLowerCase().replace(/[^a-z0-9]/g, "");

/** Edits (insert, remove, replace, swap neighbours) that make one word of the other. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The known word that was probably meant, undefined if none is close. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const given = plain(word);
  const same = known.find((candidate) => plain(candidate) === given);
  if (same !== undefined) return same;
  const translated = ELSEWHERE[given];
  if (translated !== undefined && known.includes(translated)) return translated;
  const scored = known.map((candidate) => ({ candidate, score: distance(given, plain(candidate)) }));
  const best = scored.sort((a, b) => a.score - b.score)[0];
  return best && best.score <= Math.max(1, Math.floor(given.length / 3)) ? best.candidate : undefined;
}
