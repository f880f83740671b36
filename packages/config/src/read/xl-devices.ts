// SPDX-License-Identifier: Apache-2.0
// xl.cfg's disk and vif specifications as settings of ours. Positions and keys as in Xen's xl-disk-configuration and
// xl-network-configuration. What has no meaning here is a remark, never dropped in silence.
import path from "node:path";
import { suggest } from "../suggest.ts";

type Settings = Record<string, unknown>;

/** Something to say about a specification. */
export interface Remark {
  readonly severity: "error" | "warning" | "note";
  readonly message: string;
  readonly fix?: string;
}

export interface XlDisk {
  /** Undefined if there is no disk in it. */
  readonly disk?: Settings;
  /** A file that is to be a disk of the host, by the name that it gets. */
  readonly host?: { readonly name: string; readonly settings: Settings };
  readonly remarks: readonly Remark[];
}

const POSITIONS = ["target", "format", "vdev", "access"];
const DISK_KEYS = [...POSITIONS, "devtype", "backend", "backendtype", "script", "model"];
const FLAGS = ["cdrom", "direct-io-safe", "discard", "no-discard", "hvm", "ioemu"];
const NO_MEANING = ["backend", "backendtype", "script", "model", "direct-io-safe", "hvm", "ioemu"];
const ACCESS: Readonly<Record<string, boolean>> = { r: true, ro: true, w: false, rw: false };

const PREFIX = /^(phy|file|raw|qcow2|qcow|vhd|tap|aio):(?:\/\/)?/;

/** Parts in order; `target=` takes the rest of the text, commas included. A target with a prefix says the format in it. */
function diskParts(text: string): { readonly values: Settings; readonly remarks: Remark[] } {
  const values: Settings = {};
  const remarks: Remark[] = [];
  const [before = "", ...target] = text.split(/(?:^|,)\s*target=/);
  if (target.length > 0) values["target"] = target.join(",target=").trim();
  const positions = PREFIX.test(before) ? POSITIONS.filter((name) => name !== "format") : [...POSITIONS];
  for (const part of before === "" ? [] : before.split(",").map((piece) => piece.trim())) {
    const [, key, value] = /^([a-z-]+)=(.*)$/.exec(part) ?? [];
    if (key !== undefined) {
      values[key] = value;
      if (DISK_KEYS.includes(key)) continue;
      const meant = suggest(key, [...DISK_KEYS, ...FLAGS]);
      const fix = meant === undefined ? {} : { fix: `did you mean ${meant}?` };
      remarks.push({ severity: "warning", message: `${key}= is ignored: neither xl nor TypeOne has it`, ...fix });
    } else if (FLAGS.includes(part)) values[part] = true;
    else {
      const position = positions.shift();
      if (position === undefined)
        remarks.push({ severity: "error", message: `${JSON.stringify(part)} is one part too many` });
      else values[position] ??= part;
    }
  }
  if (/:cdrom$/.test(String(values["vdev"]))) values["cdrom"] = true;
  return { values, remarks };
}

export function readXlDisk(text: string): XlDisk {
  const { values, remarks } = diskParts(text);
  const value = (key: string): string => (typeof values[key] === "string" ? (values[key] as string) : "");
  const prefix = PREFIX.exec(value("target"))?.[1];
  const target = value("target").replace(PREFIX, "");
  if (target === "") {
    return {
      remarks: [
        ...remarks,
        { severity: "warning", message: "is ignored: it names no target, as a drive without medium does" },
      ],
    };
  }
  for (const key of NO_MEANING.filter((name) => values[name] !== undefined))
    remarks.push({ severity: "warning", message: `${key} is ignored: it has no meaning for TypeOne's disks` });
  const format = value("format") || (["qcow2", "qcow", "vhd"].includes(prefix ?? "") ? (prefix ?? "") : "");
  const given = value("access") || "rw";
  const cdrom = values["cdrom"] === true || value("devtype") === "cdrom";
  if (!Object.hasOwn(ACCESS, given))
    remarks.push({ severity: "error", message: `${JSON.stringify(given)} is no access`, fix: "write r or rw" });
  if (!["", "raw", "qcow2"].includes(format)) {
    const fix = `convert it: qemu-img convert -O raw ${target} FILE`;
    remarks.push({ severity: "error", message: `format ${format} is not supported, only raw and qcow2`, fix });
  }
  if (cdrom) remarks.push({ severity: "note", message: "a CD drive is a read-only disk here" });
  const readOnly = cdrom || ACCESS[given] === true;
  const access = readOnly ? { readOnly } : {};
  if (!/[/\\]|\.(img|raw|iso|qcow2)$/.test(target)) return { disk: { from: target, ...access }, remarks };
  const name = nameOf(target);
  const settings = { file: target, ...(format === "raw" || format === "qcow2" ? { format } : {}), ...access };
  return { disk: { from: name, ...access }, host: { name, settings }, remarks };
}

/** A name for a host's disk that is a file: at most 20 characters, the end of it kept, which tells files apart. */
function nameOf(file: string): string {
  const safe = path.basename(file).replace(/[^A-Za-z0-9._-]/g, "-");
  return safe.slice(-20).replace(/^[^A-Za-z0-9]+/, "") || "disk";
}

export interface XlVif {
  readonly network: Settings;
  readonly remarks: readonly Remark[];
}

const VIF_SAME: Readonly<Record<string, string>> = { mac: "mac", bridge: "network", rate: "rate" };
const VIF_NUMBERS: Readonly<Record<string, string>> = { vlan: "vlan", mtu: "mtu" };
const VIF_NO_MEANING = ["ip", "script", "vifname", "backend", "gatewaydev", "accel", "devid", "trusted", "netdev"];
const VIF_HARMLESS = ["model", "type"];

/** The network of a vif without a bridge: xl's default. */
const DEFAULT_BRIDGE = "xenbr0";

export function readXlVif(text: string): XlVif {
  const network: Settings = { network: DEFAULT_BRIDGE };
  const remarks: Remark[] = [];
  const parts = text.split(",").map((part) => part.trim());
  for (const part of parts.filter((piece) => piece !== "")) {
    const [, key = part, value = ""] = /^([a-z_]+)=(.*)$/.exec(part) ?? [];
    if (Object.hasOwn(VIF_SAME, key)) {
      // Of "10Mb/s@20ms" the interval says how bursts are cut, which is not for guests to choose here.
      network[VIF_SAME[key] ?? ""] = key === "rate" ? value.replace(/@.*$/, "") : value;
    } else if (Object.hasOwn(VIF_NUMBERS, key)) {
      network[VIF_NUMBERS[key] ?? ""] = /^\d+$/.test(value) ? Number(value) : value;
    } else if (VIF_NO_MEANING.includes(key)) {
      remarks.push({ severity: "warning", message: `${key} is ignored: it has no meaning for TypeOne's networks` });
    } else if (!VIF_HARMLESS.includes(key)) {
      const meant = suggest(key, [...Object.keys(VIF_SAME), ...Object.keys(VIF_NUMBERS)]);
      const fix = meant === undefined ? "write key=value" : `did you mean ${meant}?`;
      remarks.push({ severity: "warning", message: `${JSON.stringify(part)} is ignored: no vif has it`, fix });
    }
  }
  return { network, remarks };
}
