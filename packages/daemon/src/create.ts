// SPDX-License-Identifier: Apache-2.0
// Creates a guest: its files go to the hypervisor as blobs of this session, then one request makes the guest of them.
// Whatever ends us in between leaves no guest: blobs that no guest holds go with the session.
import path from "node:path";
import type { Guest } from "@typeone/config";
import { silentProgress } from "@typeone/host";
import { type ChannelClient, getGuest, OPERATIONS, uploadBlob } from "@typeone/protocol";
import type { CreateLine, GuestInfo } from "./api.ts";
import { toGuest } from "./convert.ts";
import { debianFiles, needsDebian, resolveGuest } from "./debian.ts";
import { ApiError, codeOf } from "./errors.ts";
import { clockOf, type Service } from "./service.ts";

export interface CreateRequest {
  readonly guest: Guest;
  readonly start: boolean;
  readonly tell: (line: CreateLine) => void;
  readonly signal: AbortSignal;
}

const PROGRESS_BYTES = 1 << 20;
/** What the hypervisor takes as a description. */
const MOST_DESCRIPTION = 4096;

function tooLarge(name: string, bytes: number): ApiError {
  const message = `the description of guest ${name} has ${bytes} bytes; the limit is ${MOST_DESCRIPTION}`;
  return new ApiError({ code: "limit", message, fix: "shorten bootargs, or attach some of its disks later" });
}

let last: Promise<unknown> = Promise.resolve();
let waiting = 0;

/** One at a time: what one has sent and another one uses too must not be dropped in between. */
export async function createGuest(service: Service, request: CreateRequest): Promise<GuestInfo> {
  if (waiting++ > 0) request.tell({ phase: "prepare", what: "another guest's creation to end" });
  const mine = last.then(() => create(service, request)).finally(() => waiting--);
  last = mine.catch(() => undefined);
  return mine;
}

async function create({ link, paths }: Service, request: CreateRequest): Promise<GuestInfo> {
  request.signal.throwIfAborted();
  // Loaded only here: it knows every format that a description may have, and the daemon is to start fast.
  const { compileGuest, deviceNodes, guestSpec } = await import("@typeone/config");
  const { guest: given, tell, signal, start } = request;
  if (needsDebian(given)) tell({ phase: "prepare", what: "Debian's kernel and ramdisk" });
  const debian = needsDebian(given) ? await debianFiles(silentProgress) : undefined;
  const [guest, files] = await resolveGuest(given, paths.boot, debian);
  const spec = guestSpec(guest, files);
  const client = await link.client();
  const sent: number[] = [];
  const send = async (what: string | Uint8Array | undefined, contents?: "shared" | "own"): Promise<number> => {
    if (what === undefined) return 0;
    const id = await upload(client, what, { tell, signal, contents });
    sent.push(id);
    return id;
  };
  try {
    const kernel = await send(spec.kernel);
    const ramdisk = await send(spec.ramdisk);
    const tree = await send(spec.deviceTree);
    const contents = new Map<string, number>();
    for (const { name, file, use } of deviceNodes(guest))
      if (file !== undefined) contents.set(name, await send(file, use));
    const compiled = compileGuest(guest, contents);
    if (compiled.length > MOST_DESCRIPTION) throw tooLarge(guest.name, compiled.length);
    const description = await send(compiled);
    signal.throwIfAborted();
    tell({ phase: "create" });
    const blobs = { description, kernel, ramdisk, tree };
    const { answer } = await client.call(OPERATIONS.Create, { ...blobs, start: start ? 1 : 0 });
    const made = await getGuest(client, { id: answer.guest, generation: answer.generation });
    if (made) return toGuest(made, await clockOf(client));
    throw new ApiError({ code: "state", message: `guest ${guest.name} was created and is gone again` });
  } finally {
    // The guest holds what it needs; what it does not hold goes.
    for (const id of sent) await client.call(OPERATIONS.BlobDrop, { id }).catch(() => undefined);
  }
}

/** Who hears how an upload goes, and may end it. */
interface Uploading {
  readonly tell: (line: Extract<CreateLine, { readonly phase: "upload" }>) => void;
  readonly signal: AbortSignal;
  /** "own": a guest writes into it. */
  readonly contents?: "shared" | "own" | undefined;
}

/** Answers the blob that a file or bytes became. */
export async function upload(
  client: ChannelClient,
  what: string | Uint8Array,
  { tell, signal, contents = "shared" }: Uploading,
): Promise<number> {
  const file = typeof what === "string" ? path.basename(what) : "description";
  let told = -PROGRESS_BYTES;
  const onProgress = (done: number, total: number) => {
    if (done - told < PROGRESS_BYTES && done !== total) return;
    told = done;
    tell({ phase: "upload", file, done, total });
  };
  try {
    return (await uploadBlob(client, what, { onProgress, signal, contents })).id;
  } catch (error) {
    const why = { ENOENT: "there is no such file", EACCES: "it cannot be read", EISDIR: "it is a folder" }[
      codeOf(error) ?? ""
    ];
    if (why !== undefined) throw new ApiError({ code: "invalid", message: `${String(what)}: ${why}` });
    if (error instanceof RangeError) throw new ApiError({ code: "invalid", message: error.message });
    throw error;
  }
}
