// SPDX-License-Identifier: Apache-2.0
// Where a guest's own apt gets packages: the archives that this machine is configured with, for the guest's release, without
// anybody's password. Pure. Called by image.ts.
import type { Release } from "../provision/release.ts";
import { type AptSource, DEBIAN_KEYRING, formatDeb822 } from "../provision/sources.ts";

/** An archive's address as others may see it; undefined for what no guest can reach (cdrom:, file:, a local proxy). */
export function publicUri(uri: string): string | undefined {
  try {
    const url = new URL(uri);
    if (!/^https?:$/.test(url.protocol) || /^(localhost|127\.|\[::1\])/.test(url.hostname)) return undefined;
    url.username = url.password = "";
    return url.href.replace(/\/$/, "");
  } catch {
    return undefined;
  }
}

/** deb822 text for a guest of `suite`: the main archive with its updates, and the security archive. */
export function imageSources(sources: readonly AptSource[], host: Release, suite: string): string {
  const archives: AptSource[] = [];
  const add = (fits: (suite: string) => boolean, suites: readonly string[]): void => {
    const candidates = sources.filter((one) => one.components.includes("main") && one.suites.some(fits));
    const uri = candidates.flatMap((one) => one.uris.map(publicUri)).find((one) => one !== undefined);
    if (uri !== undefined) archives.push({ uris: [uri], suites, components: ["main"], signedBy: DEBIAN_KEYRING });
  };
  add((one) => one === host.codename || one === "stable", [suite, `${suite}-updates`]);
  add((one) => one.startsWith(`${host.codename}-security`), [`${suite}-security`]);
  return formatDeb822(archives);
}
