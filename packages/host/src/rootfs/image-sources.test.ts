// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { parseDeb822 } from "../provision/sources.ts";
import { imageSources, publicUri } from "./image-sources.ts";

const HOST = { id: "debian", codename: "bookworm", major: 12, pretty: "Debian 12" };

describe("publicUri", () => {
  it.each([
    ["http://user:secret@mirror.example/debian/", "http://mirror.example/debian"],
    ["https://mirror.example/debian", "https://mirror.example/debian"],
    ["cdrom:[Debian]/", undefined],
    ["file:///srv/debian", undefined],
    ["http://localhost:3142/debian", undefined],
    ["http://127.0.0.1/debian", undefined],
    ["nonsense", undefined],
  ])("%s", (uri, expected) => {
    expect(publicUri(uri)).toBe(expected);
  });
});

describe("imageSources", () => {
  it("turns this machine's archives into the guest's release", () => {
    const text = imageSources(
      [
        {
          uris: ["cdrom:x", "http://m.example/debian"],
          suites: ["bookworm", "bookworm-updates"],
          components: ["main"],
        },
        { uris: ["http://s.example/security"], suites: ["bookworm-security"], components: ["main"] },
        { uris: ["http://third.example"], suites: ["bookworm"], components: ["tools"] },
      ],
      HOST,
      "trixie",
    );
    expect(parseDeb822(text).map(({ uris, suites }) => [uris, suites])).toEqual([
      [["http://m.example/debian"], ["trixie", "trixie-updates"]],
      [["http://s.example/security"], ["trixie-security"]],
    ]);
    expect(text).not.toContain("third");
  });
});
