// SPDX-License-Identifier: Apache-2.0
// The key pair that guests' root accepts over ssh: made once, kept in the cache in OpenSSH's own form, readable by its owner
// only. Called by image.ts. Needs no ssh-keygen.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";

export interface SshKey {
  /** File for `ssh -i`. */
  readonly path: string;
  /** The line of authorized_keys. */
  readonly publicKey: string;
}

const TYPE = "ssh-ed25519";
const COMMENT = "typeone-guests";

/** SSH's string: length and bytes. */
function field(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The two files of an Ed25519 key (OpenSSH's PROTOCOL.key), from its 32-byte halves. */
export function formatKey(
  seed: Buffer,
  point: Buffer,
  check: Buffer,
): { readonly secret: string; readonly line: string } {
  const blob = Buffer.concat([field(TYPE), field(point)]);
  const body = Buffer.concat([
    check,
    check,
    field(TYPE),
    field(point),
    field(Buffer.concat([seed, point])),
    field(COMMENT),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    ...[field("none"), field("none"), field(""), one],
    field(blob),
    field(Buffer.concat([body, padding])),
  ]);
  const lines = whole.toString("base64").replace(/(.{70})(?=.)/g, "$1\n");
  const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return { secret: `${begin}\n${lines}\n${end}\n`, line: `${TYPE} ${blob.toString("base64")} ${COMMENT}` };
}

function newKey(): { secret: string; line: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d, x } = privateKey.export({ format: "jwk" });
  return formatKey(Buffer.from(d ?? "", "base64url"), Buffer.from(x ?? "", "base64url"), randomBytes(4));
}

/** The key of `folder`, made on the first call. */
export async function ensureSshKey(folder: string): Promise<SshKey> {
  const file = path.join(folder, "guest-key");
  const known = await readFile(`${file}.pub`, "utf8").catch(() => undefined);
  if (known !== undefined) return { path: file, publicKey: known.trim() };
  await mkdir(folder, { recursive: true });
  const { secret, line } = newKey();
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, secret, { mode: 0o600 });
  await chmod(partial, 0o600);
  await rename(partial, file);
  await writeFile(`${partial}.pub`, `${line}\n`);
  await rename(`${partial}.pub`, `${file}.pub`);
  return { path: file, publicKey: line };
}
