// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  DEBIAN_KEYRING,
  configuredSources,
  deriveSuite,
  formatDeb822,
  mainMirror,
  parseDeb822,
  parseList,
  releaseSources,
} from "./sources.ts";

const DEB822 = `Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://vendor.example/apt
Suites: nodistro
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
`;

describe("apt sources", () => {
  it("reads deb822: enabled binary stanzas, whole keys, comments", () => {
    const sources = parseDeb822(DEB822);
    expect(sources.map((source) => source.uris[0])).toEqual([
      "http://mirror.example/debian",
      "http://mirror.example/security",
      "http://vendor.example/apt",
    ]);
    expect(sources[0]?.suites).toEqual(["bookworm", "bookworm-updates"]);
    expect(sources[2]?.signedBy).toContain("END PGP");
  });

  it("reads one-line entries with options and comments", () => {
    const sources = parseList(
      "# deb http://no.example/debian bookworm main\n" +
        "deb [arch=amd64 signed-by=/k.gpg] http://m.example/debian bookworm main contrib # here\n" +
        "deb-src http://m.example/debian bookworm main\n  deb cdrom:[Debian]/ bookworm main\n",
    );
    expect(sources[0]).toEqual({
      uris: ["http://m.example/debian"],
      suites: ["bookworm"],
      components: ["main", "contrib"],
      signedBy: "/k.gpg",
    });
    expect(sources).toHaveLength(2);
  });

  it("finds the main mirror of the release and no other archive", () => {
    const sources = parseDeb822(DEB822);
    expect(mainMirror(sources, "bookworm")?.uris).toEqual(["http://mirror.example/debian"]);
    expect(mainMirror(sources, "trixie")).toBeUndefined();
    expect(mainMirror(parseList("deb cdrom:[x]/ bookworm main"), "bookworm")).toBeUndefined();
  });

  it("keeps only the release's own suites for installing", () => {
    const suites = releaseSources(parseDeb822(DEB822), "bookworm").flatMap((source) => source.suites);
    expect(suites).toEqual(["bookworm", "bookworm-updates", "bookworm-security"]);
  });

  it("derives another suite and architecture and writes what it can read again", () => {
    const mirror = mainMirror(parseDeb822(DEB822), "bookworm");
    if (!mirror) throw new Error("no mirror");
    const text = formatDeb822([deriveSuite(mirror, "trixie", "riscv64")]);
    expect(text).toContain("Architectures: riscv64\n");
    expect(parseDeb822(text)).toEqual([
      { uris: mirror.uris, suites: ["trixie"], components: ["main"], signedBy: DEBIAN_KEYRING },
    ]);
  });
});

describe("configuredSources", () => {
  let dir = "";
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it("reads both forms wherever they stand, and skips disabled files", async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
    await mkdir(path.join(dir, "sources.list.d"));
    await writeFile(path.join(dir, "sources.list"), DEB822);
    await writeFile(path.join(dir, "sources.list.d/a.list"), "deb http://a.example/debian bookworm main\n");
    await writeFile(path.join(dir, "sources.list.d/b.sources.disabled"), DEB822);
    const uris = (await configuredSources(dir)).flatMap((source) => source.uris);
    expect(uris).toHaveLength(4);
    expect(uris[3]).toBe("http://a.example/debian");
  });

  it("answers nothing for a machine without apt", async () => {
    expect(await configuredSources("/nonexistent")).toEqual([]);
  });
});
