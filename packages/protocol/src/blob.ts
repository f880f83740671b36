// SPDX-License-Identifier: Apache-2.0
// Sends a file or bytes to the hypervisor as a blob: opened by its digest (one that is there already is not sent again),
// written with many frames under way, begun again where a lost one left a gap, and checked at the end by the other side.
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { ChannelClient } from "./client.ts";
import { crc32 } from "./crc32.ts";
import { exchangeDepth } from "./depth.ts";
import { ChannelError } from "./errors.ts";
import { type BlobInfo, BlobWriteCodec, OPERATIONS, WIRE_MAX_BODY, WireBlobState, WireStatus } from "./generated.ts";

export interface UploadOptions {
  /**
   * "shared" (default): a blob with the same contents that is there already will do. "own": a guest will write into it, so
   * it is sent anew, under a name that no other upload finds.
   */
  readonly contents?: "shared" | "own";
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Blob {
  readonly id: number;
  readonly size: number;
  /** "reused": the hypervisor had it already. */
  readonly how: "sent" | "reused";
}

/** Bytes to send, read twice: for the digest, and to be sent. */
interface Source {
  readonly name: string;
  readonly size: number;
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

const PIECE = WIRE_MAX_BODY - BlobWriteCodec.size;
const DIGEST_PIECE = 1 << 20;

/** Sends `what`, a file's name or bytes. A failure or an abort leaves nothing behind. */
export async function uploadBlob(
  client: ChannelClient,
  what: string | Uint8Array,
  options: UploadOptions = {},
): Promise<Blob> {
  const source = typeof what === "string" ? await fileSource(what) : bytesSource(what);
  try {
    if (source.size === 0) throw new RangeError(`${source.name} is empty`);
    const { digest, crc } = await digestOf(source, options.signal);
    const name = options.contents === "own" ? new Uint8Array(randomBytes(digest.length)) : digest;
    const request = { size: BigInt(source.size), crc, digest: name };
    const { answer: blob } = await client.call(OPERATIONS.BlobOpen, request, { signal: options.signal });
    if (blob.state === WireBlobState.Ready) {
      options.onProgress?.(source.size, source.size);
      return { id: blob.id, size: source.size, how: "reused" };
    }
    try {
      await new Sender(client, source, blob, options).run();
    } catch (error) {
      await client.call(OPERATIONS.BlobDrop, { id: blob.id }).catch(() => undefined);
      throw error;
    }
    return { id: blob.id, size: source.size, how: "sent" };
  } finally {
    await source.close();
  }
}

class Sender {
  readonly #client: ChannelClient;
  readonly #source: Source;
  readonly #id: number;
  readonly #options: UploadOptions;
  readonly #underWay = new Set<Promise<void>>();
  /** Bytes that the hypervisor has in order, and the next one to send. */
  #taken: number;
  #next: number;
  #state: number;
  #gap: "no" | "yes" = "no";
  #failure: unknown;

  constructor(client: ChannelClient, source: Source, blob: BlobInfo, options: UploadOptions) {
    this.#client = client;
    this.#source = source;
    this.#id = blob.id;
    this.#options = options;
    this.#taken = Number(blob.position);
    this.#next = this.#taken;
    this.#state = blob.state;
  }

  async run(): Promise<void> {
    const { size } = this.#source;
    const depth = exchangeDepth(this.#client.host?.window ?? 0, WIRE_MAX_BODY);
    while (this.#taken < size && this.#state === WireBlobState.Open) {
      if (this.#failure !== undefined) break;
      const stop = this.#gap === "yes" || this.#next >= size || this.#underWay.size >= depth;
      if (!stop) await this.#sendPiece();
      else if (this.#underWay.size > 0) await Promise.race(this.#underWay);
      else {
        // Everything is answered, yet bytes are missing: what came behind a gap was not taken.
        this.#next = this.#taken;
        this.#gap = "no";
      }
    }
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure as Error;
    if (this.#state !== WireBlobState.Ready) {
      const why = `${this.#source.name} arrived damaged: its checksum is wrong. It may have changed while it was sent`;
      throw new ChannelError(OPERATIONS.BlobWrite.name, WireStatus.Malformed, why);
    }
  }

  async #sendPiece(): Promise<void> {
    const position = this.#next;
    const bytes = await this.#source.read(position, Math.min(PIECE, this.#source.size - position));
    this.#next = position + bytes.length;
    const sending: Promise<void> = this.#write(position, bytes)
      .catch((error: unknown) => void (this.#failure ??= error))
      .finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  async #write(position: number, tail: Uint8Array): Promise<void> {
    const request = { id: this.#id, position: BigInt(position) };
    const { answer } = await this.#client.call(OPERATIONS.BlobWrite, request, { tail, signal: this.#options.signal });
    const taken = Number(answer.position);
    if (taken > this.#taken) {
      this.#taken = taken;
      this.#options.onProgress?.(taken, this.#source.size);
    }
    if (answer.state !== WireBlobState.Open) this.#state = answer.state;
    if (taken < position + tail.length) this.#gap = "yes";
  }
}

async function digestOf(source: Source, signal?: AbortSignal): Promise<{ digest: Uint8Array; crc: number }> {
  const hash = createHash("sha256");
  let crc = 0;
  for (let at = 0; at < source.size; at += DIGEST_PIECE) {
    signal?.throwIfAborted();
    const bytes = await source.read(at, Math.min(DIGEST_PIECE, source.size - at));
    hash.update(bytes);
    crc = crc32(bytes, crc);
  }
  return { digest: new Uint8Array(hash.digest()), crc };
}

function bytesSource(bytes: Uint8Array): Source {
  return {
    name: "the data",
    size: bytes.length,
    read: (position, length) => Promise.resolve(bytes.subarray(position, position + length)),
    close: () => Promise.resolve(),
  };
}

async function fileSource(file: string): Promise<Source> {
  const handle: FileHandle = await open(file);
  const { size } = await handle.stat();
  // Read ahead in large pieces: a system call for each frame would be most of the work.
  let [from, ahead] = [0, Buffer.alloc(0)];
  const read = async (position: number, length: number): Promise<Uint8Array> => {
    if (position < from || position + length > from + ahead.length) {
      const buffer = Buffer.alloc(Math.min(DIGEST_PIECE, size - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead < length) throw new Error(`${file} became shorter while it was sent`);
      [from, ahead] = [position, buffer.subarray(0, bytesRead)];
    }
    return ahead.subarray(position - from, position - from + length);
  };
  return { name: file, size, read, close: () => handle.close() };
}
