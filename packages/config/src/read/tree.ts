// SPDX-License-Identifier: Apache-2.0
// A dom0less device tree, .dts or .dtb, as a system: `xen,domain` nodes under /chosen, as people write them for Xen and as
// `typeone compile` prints them. Also a single guest's fragment, whose root is the node. What TypeOne does not follow is
// a warning. Files of modules are named by `typeone,file`, or by who runs it, by the address in `reg`.
import { DtsError, FdtError, type FdtNode, type FdtTree, parse, parseDtsWithPlaces } from "@typeone/fdt";
import { DEVICES, HOST_DISK, type Meanings, SWITCH } from "../devices/read-tree.ts";
import type { Path, Place, Problem } from "../problem.ts";
import { hexAddress } from "../units.ts";
import { type Reading, unreadable } from "./source.ts";
import { GUEST_PROPERTIES, type ModuleKind, MODULES, UNDERSTOOD } from "./tree-names.ts";

type Data = Record<string, unknown>;

const MAGIC = [0xd0, 0x0d, 0xfe, 0xed];

export function readTree(file: string, bytes: Uint8Array, modules: Readonly<Record<string, string>>): Reading {
  let tree: FdtTree;
  let placeOf: (node: FdtNode, property?: string) => Place | undefined = () => undefined;
  try {
    if (MAGIC.every((byte, i) => bytes[i] === byte)) tree = parse(bytes);
    else ({ tree, placeOf } = parseDtsWithPlaces(new TextDecoder().decode(bytes), { file }));
  } catch (error) {
    if (error instanceof DtsError) return unreadable(file, error.reason, { line: error.line, column: error.column });
    if (error instanceof FdtError) return unreadable(file, error.message);
    throw error;
  }
  return new TreeReader({ file, modules: byNumber(modules), placeOf }).read(tree);
}

function byNumber(modules: Readonly<Record<string, string>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(modules).map(([address, name]) => [Number(address), name]));
}

interface Origin {
  readonly file: string;
  readonly modules: ReadonlyMap<number, string>;
  placeOf(node: FdtNode, property?: string): Place | undefined;
}

class TreeReader {
  readonly #origin: Origin;
  readonly #problems: Problem[] = [];
  #tree: FdtTree | undefined;
  /** Where each setting comes from. */
  readonly #from = new Map<string, readonly [FdtNode, string?]>();

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  read(tree: FdtTree): Reading {
    this.#tree = tree;
    if (this.#isDomain(tree.root)) return this.#reading("guest", this.#guest(tree.root, [], "guest"));
    const chosen = tree.find("/chosen");
    const domains = chosen?.children.filter((node) => this.#isDomain(node)) ?? [];
    if (!chosen || domains.length === 0) {
      const fix = 'add a node to /chosen for each guest, with compatible = "xen,domain"';
      return unreadable(this.#origin.file, "has no guests: there is no xen,domain node in /chosen", { fix });
    }
    this.#others(chosen);
    const names = this.#ask(() => namesOf(domains)) ?? [];
    const guests = domains.map((node, i) => this.#guest(node, ["guests", i], names[i] ?? node.name));
    const networks = this.#networks(chosen, guests);
    const disks = this.#hostDisks(chosen);
    return this.#reading("system", { host: this.#host(tree, chosen), ...disks, ...networks, guests });
  }

  #reading(kind: "system" | "guest", data: Data): Reading {
    const { file, placeOf } = this.#origin;
    const key = (path: Path): string => path.map(String).join("\0");
    const origin = (path: Path): readonly [FdtNode, string?] | undefined => {
      const parent = this.#from.get(key(path.slice(0, -1)))?.[0];
      return this.#from.get(key(path)) ?? (parent && [parent, String(path.at(-1))]);
    };
    const locate = (path: Path): Place | undefined => {
      const [node, property] = origin(path) ?? [];
      return node && placeOf(node, property);
    };
    const nameOf = (path: Path): string | undefined => {
      const [node, property] = origin(path) ?? [];
      return node && [node.path, property].filter((part) => part !== undefined).join(": ");
    };
    return { source: { file, kind, data, locate, nameOf, write: () => undefined }, problems: this.#problems };
  }

  #isDomain(node: FdtNode): boolean {
    return this.#ask(() => node.isCompatible("xen,domain")) ?? false;
  }

  #note(path: Path, node: FdtNode, property?: string): void {
    this.#from.set(path.map(String).join("\0"), property === undefined ? [node] : [node, property]);
  }

  #say(severity: Problem["severity"], at: readonly [FdtNode, string?], text: { message: string; fix?: string }): void {
    const [node, property] = at;
    const path = property === undefined ? node.path : `${node.path}: ${property}`;
    this.#problems.push({ severity, file: this.#origin.file, ...this.#origin.placeOf(node, property), path, ...text });
  }

  /** A typed reading; what is of another type is an error, and as if it were not there. */
  #ask<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FdtError)) throw error;
      const node = error.path === "" ? undefined : this.#tree?.find(error.path);
      const path = error.property === undefined ? error.path : `${error.path}: ${error.property}`;
      const message = error.message.replace(/^.*?: (property \S+: )?/, "");
      const place = node && this.#origin.placeOf(node, error.property);
      this.#problems.push({ severity: "error", file: this.#origin.file, ...place, path, message });
      return undefined;
    }
  }

  // ---- A guest.

  #guest(node: FdtNode, path: Path, name: string): Data {
    const data: Data = { name };
    this.#note(path, node);
    this.#note([...path, "name"], node, node.has("typeone,name") ? "typeone,name" : undefined);
    for (const [property, { setting, read }] of Object.entries(GUEST_PROPERTIES)) {
      const value = node.has(property) ? this.#ask(() => read(node, property)) : undefined;
      if (value === undefined) continue;
      data[setting] = value;
      this.#note([...path, setting], node, property);
    }
    this.#staticMemory(node, path, data);
    if (this.#ask(() => node.string("status")) === "disabled") data["autostart"] = false;
    for (const property of node.properties.keys()) {
      if (Object.hasOwn(GUEST_PROPERTIES, property) || UNDERSTOOD.has(property)) continue;
      this.#say("warning", [node, property], { message: "is ignored: TypeOne does not know this property of a guest" });
    }
    this.#modules(node, path, data);
    return data;
  }

  #staticMemory(node: FdtNode, path: Path, data: Data): void {
    const property = "xen,static-mem";
    if (node.has("typeone,static-mem")) data["staticMemory"] = true;
    const given = node.has(property) ? this.#ask(() => node.cells(property)) : undefined;
    if (given === undefined) return;
    this.#note([...path, "staticMemory"], node, property);
    const [high = 0, low = 0, sizeHigh = 0, sizeLow = 0] = given;
    if (given.length !== 4) {
      const fix = "write one address and one size: <0x0 0xa0000000 0x0 0x10000000>";
      return this.#say("error", [node, property], { message: "must be four cells", fix });
    }
    data["staticMemory"] = hexAddress(high * 2 ** 32 + low);
    const size = sizeHigh * 2 ** 32 + sizeLow;
    const memory = this.#ask(() => node.u64("memory")) ?? 0n;
    if (size < Number(memory) * 1024) {
      this.#say("error", [node, property], { message: "is smaller than memory", fix: "make its size at least memory" });
    }
  }

  #modules(node: FdtNode, path: Path, data: Data): void {
    for (const module of node.children) {
      const compatible = this.#ask(() => module.strings("compatible")) ?? [];
      const kind = compatible.map((word) => MODULES[word]).find((known) => known !== undefined);
      const device = compatible.find((word) => Object.hasOwn(DEVICES, word));
      if (device !== undefined) {
        this.#device(module, device, path, data);
        continue;
      }
      if (kind === undefined) {
        this.#say("warning", [module], { message: "is ignored: it is no kernel, ramdisk, device tree or device" });
        continue;
      }
      this.#note([...path, kind], module);
      const name = this.#fileOf(module, kind);
      if (name !== undefined) data[kind] = name;
      if (kind !== "kernel") continue;
      const bootargs = this.#ask(() => module.string("bootargs"));
      if (bootargs !== undefined) data["bootargs"] = bootargs;
      this.#note([...path, "bootargs"], module, "bootargs");
    }
  }

  // ---- Devices, of a guest and of the host.

  /** Settings of a node's properties; "a.b" is setting b of a group a. */
  #settings(node: FdtNode, meanings: Meanings, path: Path): Data {
    const data: Data = {};
    this.#note(path, node);
    for (const [property, [setting, read]] of Object.entries(meanings)) {
      const value = node.has(property) ? this.#ask(() => read(node, property)) : undefined;
      if (value === undefined) continue;
      const [outer = "", inner] = setting.split(".");
      if (inner === undefined) data[outer] = value;
      else data[outer] = { ...(data[outer] as Data | undefined), [inner]: value };
      this.#note([...path, outer], node, property);
      this.#note([...path, ...setting.split(".")], node, property);
    }
    return data;
  }

  #device(node: FdtNode, kind: string, path: Path, data: Data): void {
    const { setting, meanings } = DEVICES[kind] as (typeof DEVICES)[string];
    if (setting !== "disks" && setting !== "networks") {
      data[setting] = this.#settings(node, meanings, [...path, setting]);
      return;
    }
    const list = (data[setting] ??= []) as Data[];
    const at = [...path, setting, list.length];
    const settings = this.#settings(node, meanings, at);
    const known = new Set(["compatible", "reg", "typeone,file", "typeone,blob", "status", ...Object.keys(meanings)]);
    for (const property of node.properties.keys()) {
      if (!known.has(property)) this.#say("warning", [node, property], { message: "is ignored: no device has it" });
    }
    if (setting === "disks" && settings["from"] === undefined) {
      settings["from"] = { file: this.#fileOf(node, "disk") ?? UNKNOWN_FILE };
      this.#note([...at, "from"], node);
    }
    list.push(settings);
  }

  #hostDisks(chosen: FdtNode): Data {
    const host = chosen.children.find((node) => this.#ask(() => node.isCompatible("typeone,host")));
    const disks: Data = {};
    for (const node of host?.children ?? []) {
      if (!this.#ask(() => node.isCompatible("typeone,host-disk"))) continue;
      const name = this.#ask(() => node.string("typeone,name")) ?? node.name;
      disks[name] = this.#settings(node, HOST_DISK, ["disks", name]);
    }
    return Object.keys(disks).length === 0 ? {} : { disks };
  }

  /** Switches by name; those that only guests name are there without uplink. */
  #networks(chosen: FdtNode, guests: readonly Data[]): Data {
    const networks: Data = {};
    for (const node of chosen.children) {
      if (!this.#ask(() => node.isCompatible("typeone,switch"))) continue;
      const name = this.#ask(() => node.string("typeone,name")) ?? node.name;
      networks[name] = this.#settings(node, SWITCH, ["networks", name]);
    }
    for (const guest of guests) {
      for (const { network } of (guest["networks"] ?? []) as Data[]) {
        if (typeof network === "string") networks[network] ??= {};
      }
    }
    return Object.keys(networks).length === 0 ? {} : { networks };
  }

  #fileOf(module: FdtNode, kind: ModuleKind | "disk"): string | undefined {
    const named = this.#ask(() => module.string("typeone,file"));
    if (named !== undefined) return named;
    const cells = this.#ask(() => module.cells("reg")) ?? [];
    // Address and size, of one or two cells each.
    const address = cells.length === 4 ? (cells[0] ?? 0) * 2 ** 32 + (cells[1] ?? 0) : cells[0];
    const given = address === undefined ? undefined : this.#origin.modules.get(address);
    if (given !== undefined) return given;
    const where = address === undefined ? "" : ` at ${hexAddress(address)}`;
    const fix = `add typeone,file = "…" to the module${address === undefined ? "" : `, or say which file belongs to ${hexAddress(address)}`}`;
    this.#say("error", [module], { message: `it is not known which file the ${kind}${where} is`, fix });
    // The name that says "known to be there"; the problem above is the one to fix.
    return kind === "kernel" ? UNKNOWN_FILE : undefined;
  }

  // ---- The host.

  #others(chosen: FdtNode): void {
    for (const child of chosen.children) {
      if (this.#isDomain(child) || this.#ask(() => child.isCompatible("typeone,host"))) continue;
      if (!this.#ask(() => child.isCompatible("multiboot,module"))) continue;
      this.#say("warning", [child], {
        message: "is ignored: there is no first domain (dom0) that would get this module",
      });
    }
    for (const property of chosen.properties.keys()) {
      if (!property.startsWith("xen,")) continue;
      this.#say("warning", [chosen, property], { message: "is ignored: it is for Xen itself" });
    }
  }

  #host(tree: FdtTree, chosen: FdtNode): Data {
    const host: Data = {};
    const own = chosen.children.find((node) => this.#ask(() => node.isCompatible("typeone,host")));
    this.#note(["host"], own ?? chosen);
    if (own) {
      for (const name of ["machine", "aia", "cpu"]) host[name] = this.#ask(() => own.string(name));
      host["harts"] = this.#ask(() => own.u32("harts"));
      const kib = this.#ask(() => own.u64("memory"));
      if (kib !== undefined) host["memory"] = `${kib}KiB`;
      host["sstc"] = !own.has("no-sstc");
    } else {
      const harts = tree.find("/cpus")?.children.filter((node) => node.name.startsWith("cpu@")).length;
      if (harts) host["harts"] = harts;
      const memory = this.#ask(() => memoryOf(tree)) ?? 0n;
      if (memory > 0n) host["memory"] = `${memory}B`;
    }
    host["policy"] = this.#ask(() => chosen.string("typeone,policy"));
    const slice = this.#ask(() => chosen.u64("typeone,slice-us"));
    if (slice !== undefined) host["sliceUs"] = Number(slice);
    return Object.fromEntries(Object.entries(host).filter(([, value]) => value !== undefined));
  }
}

/** Stands for a module's file that nobody named. */
export const UNKNOWN_FILE = "?";

/** Bytes of the host's memory as its own tree says. */
function memoryOf(tree: FdtTree): bigint {
  let sum = 0n;
  const [address, size] = ["#address-cells", "#size-cells"].map((name) => tree.root.u32(name) ?? 2) as [number, number];
  for (const node of tree.root.children) {
    if (!/^memory(@|$)/.test(node.name)) continue;
    const cells = node.cells("reg") ?? [];
    for (let at = address; at + size <= cells.length; at += address + size) {
      sum += cells.slice(at, at + size).reduce((value, cell) => (value << 32n) | BigInt(cell), 0n);
    }
  }
  return sum;
}

/** `typeone,name`, else the node's name; its unit address is added only where it is needed to tell guests apart. */
function namesOf(nodes: readonly FdtNode[]): string[] {
  const short = nodes.map((node) => node.name.split("@")[0] ?? "");
  return nodes.map((node, i) => {
    const given = node.has("typeone,name") ? node.strings("typeone,name")?.[0] : undefined;
    const alone = short.filter((name) => name === short[i]).length === 1;
    return given ?? (alone ? (short[i] ?? "") : node.name.replace("@", "-"));
  });
}
