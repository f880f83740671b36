// SPDX-License-Identifier: Apache-2.0
// An xl.cfg, as Xen users have them, as one guest. What has no meaning here is a warning with its line, never dropped in
// silence. Where xl has other defaults than TypeOne (what happens after power-off and crash), xl's hold.
import type { Path, Place, Problem } from "../problem.ts";
import { ACTIONS } from "../schema.ts";
import { suggest } from "../suggest.ts";
import { readXlDisk, readXlVif, type Remark } from "./xl-devices.ts";
import { withoutMeaning } from "./xl-keys.ts";
import { parseXl, type XlSetting, type XlValue } from "./xl-parse.ts";
import type { Reading, TextFile } from "./source.ts";

/** Settings of xl that mean the same here, and what they are called. */
const SAME: Readonly<Record<string, string>> = {
  name: "name",
  kernel: "kernel",
  ramdisk: "ramdisk",
  device_tree: "deviceTree",
  memory: "memory",
  vcpus: "vcpus",
  maxvcpus: "maxVcpus",
  cpus: "affinity",
  cpu_weight: "weight",
  on_crash: "onCrash",
  on_reboot: "onReboot",
  on_poweroff: "onPoweroff",
};
const LINE = ["extra", "root", "cmdline"];
const KNOWN = [...Object.keys(SAME), ...LINE, "maxmem", "cmdline", "disk", "vif"];
const DEFAULTS = { onPoweroff: "destroy", onReboot: "restart", onCrash: "destroy" };

/** What becomes of xl's other actions. */
const ACTION: Readonly<Record<string, readonly [string, string]>> = {
  "rename-restart": ["restart", "a restarted guest keeps its name"],
  "coredump-destroy": ["destroy", "there are no core dumps; a crash record is kept"],
  "coredump-restart": ["restart", "there are no core dumps; a crash record is kept"],
  "soft-reset": ["restart", "there is no soft reset"],
};

class Translation {
  readonly data: Record<string, unknown> = { ...DEFAULTS };
  /** Files that its disks name, which become disks of the host. */
  readonly hostDisks: Record<string, unknown> = {};
  /** Items of the lists of devices, by setting. */
  readonly items = new Map<string, readonly XlValue[]>();
  readonly problems: Problem[] = [];
  /** Settings of the schema by what the file calls them. */
  readonly from = new Map<string, XlSetting>();
  readonly #file: string;
  readonly #settings: ReadonlyMap<string, XlSetting>;

  constructor(file: string, settings: readonly XlSetting[]) {
    this.#file = file;
    this.#settings = new Map(settings.map((setting) => [setting.key, setting]));
    for (const setting of settings) this.#take(setting);
    this.#commandLine();
    this.#maxmem();
  }

  #say(severity: Problem["severity"], at: Place & { readonly key: string }, message: string, fix?: string): void {
    const { line, column = 1, key } = at;
    const problem = { severity, file: this.#file, line, column, path: key, message };
    this.problems.push(fix === undefined ? problem : { ...problem, fix });
  }

  #set(name: string, value: unknown, from: XlSetting): void {
    this.data[name] = value;
    this.from.set(name, from);
  }

  #take(setting: XlSetting): void {
    const { key } = setting;
    const name = Object.hasOwn(SAME, key) ? SAME[key] : undefined;
    if (name !== undefined) return this.#same(name, setting);
    if (LINE.includes(key) || key === "maxmem") return;
    if (key === "disk" || key === "vif") return this.#devices(key, setting);
    const why = withoutMeaning(key);
    if (why !== undefined) {
      const harmless = key === "type" || key === "builder" || key === "uuid";
      return this.#say(harmless ? "note" : "warning", setting, harmless ? why : `is ignored: ${why}`);
    }
    const meant = suggest(key, KNOWN);
    const fix = meant === undefined ? "remove it" : `did you mean ${meant}?`;
    this.#say("warning", setting, "is ignored: neither xl nor TypeOne has this setting", fix);
  }

  #same(name: string, setting: XlSetting): void {
    const { value } = setting;
    if (name === "affinity") return this.#cpus(setting);
    if (value.kind === "list") return this.#say("error", setting, "must not be a list", `write ${setting.key} = …`);
    if (name.startsWith("on")) return this.#action(name, setting, value.text);
    const numeric = name === "memory" || name.endsWith("cpus") || name === "maxVcpus" || name === "weight";
    if (!numeric) return this.#set(name, value.text, setting);
    if (!/^\s*(0[xX][0-9a-fA-F]+|\d+)\s*$/.test(value.text)) {
      const unit = name === "memory" ? " of MiB" : "";
      return this.#say("error", setting, `${JSON.stringify(value.text)} is not a number`, `write a number${unit}`);
    }
    this.#set(name, Number(value.text), setting);
  }

  #action(name: string, setting: XlSetting, given: string): void {
    const translated = Object.hasOwn(ACTION, given) ? ACTION[given] : undefined;
    if (translated) this.#say("warning", setting, `${given} means ${translated[0]} here: ${translated[1]}`);
    const value = translated?.[0] ?? given;
    if ((ACTIONS as readonly string[]).includes(value)) return this.#set(name, value, setting);
    const meant = suggest(given, [...ACTIONS, ...Object.keys(ACTION)]);
    const fix = meant === undefined ? `write one of ${ACTIONS.join(", ")}` : `did you mean "${meant}"?`;
    this.#say("error", setting, `${JSON.stringify(given)} is not an action`, fix);
    this.from.set(name, setting);
  }

  #devices(key: "disk" | "vif", setting: XlSetting): void {
    const { value } = setting;
    const items = value.kind === "list" ? value.items : [value];
    const kept: XlValue[] = [];
    const list: unknown[] = [];
    for (const item of items) {
      const text = flat(item).join(",");
      const read = key === "disk" ? this.#disk(text, item) : readXlVif(text);
      const device = "network" in read ? read.network : read.disk;
      const { line, column } = item;
      for (const { severity, message, fix } of read.remarks as readonly Remark[])
        this.#say(severity, { key, line, column }, message, fix);
      if (device === undefined) continue;
      list.push(device);
      kept.push(item);
    }
    const name = key === "disk" ? "disks" : "networks";
    this.items.set(name, kept);
    if (list.length > 0) this.#set(name, list, setting);
    const boot = flatOf(this.#settings, ["extra", "root", "cmdline"]);
    if (key === "disk" && /\b(xvd|sd|hd)[a-z]/.test(boot))
      this.#say("warning", setting, "guests see vda, vdb, … in the order of the list", "name root=/dev/vda");
  }

  #disk(text: string, item: XlValue): ReturnType<typeof readXlDisk> {
    const read = readXlDisk(text);
    if (!read.host) return read;
    this.hostDisks[read.host.name] = read.host.settings;
    this.items.set(hostItem(read.host.name), [item]);
    return read;
  }

  #cpus(setting: XlSetting): void {
    const texts = flat(setting.value);
    const node = texts.find((text) => /node/.test(text));
    if (node !== undefined) {
      return this.#say(
        "warning",
        setting,
        `is ignored: ${JSON.stringify(node)} names a NUMA node`,
        'write harts, as in "0-3"',
      );
    }
    if (setting.value.kind === "list" && new Set(texts).size > 1) {
      this.#say("warning", setting, "a list pins each vCPU by itself in xl; here all vCPUs may use all of these harts");
    }
    this.#set("affinity", setting.value.kind === "list" ? texts : (texts[0] ?? ""), setting);
  }

  /** `cmdline` is the whole command line; else it is `root=` and `extra`. */
  #commandLine(): void {
    const [cmdline, root, extra] = ["cmdline", "root", "extra"].map((key) => this.#settings.get(key));
    const text = (setting: XlSetting): string => flat(setting.value).join(" ");
    if (cmdline) {
      for (const other of [root, extra])
        if (other) this.#say("warning", other, "is ignored: cmdline is the whole command line");
      return this.#set("bootargs", text(cmdline), cmdline);
    }
    const from = extra ?? root;
    if (!from) return;
    const words = [...(root ? [`root=${text(root)}`] : []), ...(extra ? [text(extra)] : [])];
    this.#set("bootargs", words.join(" "), from);
  }

  #maxmem(): void {
    const most = this.#settings.get("maxmem");
    if (!most || most.value.kind === "list") return;
    if (Number(most.value.text) === this.data["memory"]) return;
    if (this.data["memory"] === undefined) return this.#set("memory", Number(most.value.text), most);
    this.#say("warning", most, "is ignored: a guest's memory does not grow; it gets what memory says", "set memory");
  }
}

/** Under which name the item that brought a disk of the host along is known. */
const hostItem = (name: string): string => `host disk ${name}`;

function flatOf(settings: ReadonlyMap<string, XlSetting>, keys: readonly string[]): string {
  return keys
    .flatMap((key) => flat(settings.get(key)?.value ?? { kind: "string", text: "", line: 1, column: 1 }))
    .join(" ");
}

function flat(value: XlValue): string[] {
  return value.kind === "list" ? value.items.flatMap(flat) : [value.text];
}

/** Settings of one guest; of a system of it if it brings disks of the host along. */
export function readXl({ file, text }: TextFile): Reading {
  const { settings, problems } = parseXl(file, text);
  const { data, from, items, hostDisks, problems: more } = new Translation(file, settings);
  const alone = Object.keys(hostDisks).length === 0;
  const inner = (path: Path): Path => {
    if (alone) return path;
    return path[0] === "disks" ? [hostItem(String(path[1])), 0] : path.slice(2);
  };
  const placeOf = (path: Path): Place | undefined => {
    const [name, index] = inner(path);
    const setting = items.get(String(name))?.[Number(index)] ?? from.get(String(name));
    return setting && { line: setting.line, column: setting.column };
  };
  const xlName = (path: Path): string | undefined => {
    const schemaName = String(inner(path)[0] ?? "");
    if (items.has(schemaName)) return schemaName === "networks" ? "vif" : "disk";
    return from.get(schemaName)?.key ?? Object.entries(SAME).find(([, name]) => name === schemaName)?.[0];
  };
  const write = (key: string, values: readonly string[]): string => `${xlName([key]) ?? key} = ${values[0] ?? "…"}`;
  // Bridges that a guest names are switches without uplink.
  const bridges = ((data["networks"] ?? []) as { readonly network: string }[]).map(({ network }) => [network, {}]);
  const whole = alone ? data : { disks: hostDisks, networks: Object.fromEntries(bridges) as object, guests: [data] };
  const kind = alone ? "guest" : "system";
  const source = { file, kind, data: whole, locate: placeOf, nameOf: xlName, write } as const;
  return { source, problems: [...problems, ...more] };
}
