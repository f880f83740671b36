// SPDX-License-Identifier: Apache-2.0
// Reads the machine's apt sources (one-line and deb822 form) and derives private ones from them: the same mirror, another
// suite or architecture. Called by tools.ts and debian.ts before they make a private apt root.
// It never writes below /etc/apt and knows no mirror of its own: what the machine is configured for is what is used.
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

export const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Value of Signed-By: a path, a fingerprint, or a whole key (then with its line breaks). */
  readonly signedBy?: string;
  readonly architectures?: readonly string[];
}

const words = (text: string | undefined): string[] => (text ?? "").split(/\s+/).filter((word) => word !== "");

/** One stanza of a deb822 file as lower-case field name → value (continuation lines joined by line breaks). */
function stanzaFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    if (/^[ \t]/.test(line) && current !== undefined) {
      fields.set(current, `${fields.get(current) ?? ""}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    current = line.slice(0, colon).trim().toLowerCase();
    fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}

/** Entries of a `.sources` file that are enabled and hold binary packages. */
export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const stanza of text.split(/\n[ \t]*\n/)) {
    const fields = stanzaFields(stanza);
    if (!words(fields.get("types")).includes("deb")) continue;
    if (/^(no|false|off|0|without|disable)$/i.test(fields.get("enabled") ?? "yes")) continue;
    const signedBy = fields.get("signed-by");
    sources.push({
      uris: words(fields.get("uris")),
      suites: words(fields.get("suites")),
      components: words(fields.get("components")),
      ...(signedBy ? { signedBy } : {}),
    });
  }
  return sources;
}

/** Entries of a one-line `.list` file. */
export function parseList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
    if (!match) continue;
    const [, options, uri, suite, components] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options ?? "")?.[1];
    sources.push({
      uris: [uri as string],
      suites: [suite as string],
      components: words(components),
      ...(signedBy ? { signedBy } : {}),
    });
  }
  return sources;
}

/** Everything that the machine's apt is configured with; unreadable files count as absent. */
export async function configuredSources(aptDir = "/etc/apt"): Promise<AptSource[]> {
  const read = (file: string) => readFile(file, "utf8").catch(() => "");
  const parts = path.join(aptDir, "sources.list.d");
  const names = (await readdir(parts).catch(() => [] as string[])).sort();
  const sources = parseAny(await read(path.join(aptDir, "sources.list")));
  for (const name of names) {
    if (name.endsWith(".sources")) sources.push(...parseDeb822(await read(path.join(parts, name))));
    else if (name.endsWith(".list")) sources.push(...parseList(await read(path.join(parts, name))));
  }
  return sources;
}

const parseAny = (text: string): AptSource[] => (/^Types:/m.test(text) ? parseDeb822(text) : parseList(text));

/** The entry that Debian's main archive of this release comes from: the one whose mirror we may ask for more. */
export function mainMirror(sources: readonly AptSource[], codename: string): AptSource | undefined {
  const fits = (source: AptSource) =>
    source.components.includes("main") &&
    source.uris.some((uri) => !uri.startsWith("cdrom:")) &&
    source.suites.some((suite) => suite === codename || suite === "stable");
  return sources.find(fits);
}

/** The machine's own entries for this Debian release (main, updates, security, …): third parties' archives are left out. */
export function releaseSources(sources: readonly AptSource[], codename: string): AptSource[] {
  const ours = (suite: string) =>
    suite === codename || suite === "stable" || suite.startsWith(`${codename}-`) || suite.startsWith(`${codename}/`);
  return sources
    .map((source) => ({ ...source, suites: source.suites.filter(ours) }))
    .filter((source) => source.suites.length > 0 && source.components.includes("main"))
    .map((source) => ({ ...source, components: ["main"] }));
}

/** The same mirror with another suite (and architecture). Debian's own keyring signs every Debian suite. */
export function deriveSuite(mirror: AptSource, suite: string, architecture?: string): AptSource {
  return {
    uris: mirror.uris.filter((uri) => !uri.startsWith("cdrom:")),
    suites: [suite],
    components: ["main"],
    signedBy: DEBIAN_KEYRING,
    ...(architecture ? { architectures: [architecture] } : {}),
  };
}

/** deb822 text of `sources`, for a private sources folder. */
export function formatDeb822(sources: readonly AptSource[]): string {
  const stanza = (source: AptSource) =>
    [
      "Types: deb",
      `URIs: ${source.uris.join(" ")}`,
      `Suites: ${source.suites.join(" ")}`,
      `Components: ${source.components.join(" ")}`,
      ...(source.architectures ? [`Architectures: ${source.architectures.join(" ")}`] : []),
      `Signed-By: ${source.signedBy ?? DEBIAN_KEYRING}`,
    ].join("\n");
  return `${sources.map(stanza).join("\n\n")}\n`;
}
