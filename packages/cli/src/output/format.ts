// SPDX-License-Identifier: Apache-2.0
// Numbers in the words of people: bytes, seconds, counts, addresses, sets of harts. Pure.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 268435456 → "256 MiB"; one digit behind the point when it is not whole. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  const text = Number.isInteger(rest) ? String(rest) : rest.toFixed(1);
  return `${text} ${UNITS[unit] as string}`;
}

/** 1234567 → "1,234,567". */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** 3725.4 → "1:02:05"; below a minute "5.4 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const clock = hours > 0 || days > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return days > 0 ? `${days}d ${clock}` : clock;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

export function hex(value: bigint | number, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Bits of a mask as people write harts: "0-3,5"; all bits of `count` harts are "all". */
export function hartSet(mask: bigint, harts: number): string {
  const present = Array.from({ length: Math.max(harts, 64) }, (_, i) => i).filter((i) => (mask >> BigInt(i)) & 1n);
  if (harts > 0 && Array.from({ length: harts }, (_, i) => i).every((i) => present.includes(i))) return "all";
  const runs: string[] = [];
  for (let i = 0; i < present.length; i++) {
    const from = present[i] as number;
    while (present[i + 1] === (present[i] as number) + 1) i++;
    const to = present[i] as number;
    runs.push(from === to ? String(from) : `${from}-${to}`);
  }
  return runs.length === 0 ? "none" : runs.join(",");
}

/** Rows of `hexdump -C`: address, 16 bytes, and what of them is text. */
export function hexDump(data: Uint8Array, address: bigint): string {
  const lines: string[] = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const pairs = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const halves = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`.padEnd(49);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${(address + BigInt(at)).toString(16).padStart(12, "0")}  ${halves} |${text}|`);
  }
  return lines.join("\n");
}
