// SPDX-License-Identifier: Apache-2.0
// Which Debian release the workstation runs, from os-release. Called by provisioning and `doctor`.
import { readFile } from "node:fs/promises";

export interface Release {
  readonly id: string;
  readonly codename: string;
  /** Major version, e.g. 12; 0 for testing and unstable, which carry none. */
  readonly major: number;
  readonly pretty: string;
}

export function parseOsRelease(text: string): Release {
  const value = (name: string): string =>
    new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1]?.replace(/^["']|["']$/g, "") ?? "";
  return {
    id: value("ID"),
    codename: value("VERSION_CODENAME"),
    major: Number.parseInt(value("VERSION_ID"), 10) || 0,
    pretty: value("PRETTY_NAME"),
  };
}

/** The release when this is Debian; undefined elsewhere. */
export async function debianRelease(file = "/etc/os-release"): Promise<Release | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const release = parseOsRelease(text);
  return release.id === "debian" ? release : undefined;
}
