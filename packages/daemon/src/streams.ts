// SPDX-License-Identifier: Apache-2.0
// The endless answers: websockets of consoles and the serial line, and bodies that go on. A client that does not read is
// cut off rather than waited for; the streams themselves are kept by the recorder.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { follow, WireStream } from "@typeone/protocol";
import { clockOf, findGuest, type Service, toApiError } from "./service.ts";
import { encodeTraceHeader, encodeTracePiece, TRACE_RECORD_BYTES } from "./trace.ts";

const MOST_BEHIND = 8 << 20;
const TAIL = 64 << 10;
const TRACE_POLL_MS = 50;
const TOO_SLOW = 1013;
const GOING_AWAY = 1001;

interface Source {
  history(): Buffer;
  listen(listener: (bytes: Uint8Array) => void): () => void;
}

/** What a source shows, first what is kept, to a websocket; `typed` gets what comes back. */
function serve(socket: WebSocket, source: Source, typed: (bytes: Buffer) => Promise<void> | void): void {
  const send = (bytes: Uint8Array) => {
    if (socket.bufferedAmount > MOST_BEHIND) socket.close(TOO_SLOW, "this client does not read");
    else if (bytes.length > 0 && socket.readyState === socket.OPEN) socket.send(bytes, { binary: true });
  };
  send(source.history());
  const unlisten = source.listen(send);
  socket.on("message", (data: Buffer) => {
    const more = typed(Buffer.from(data));
    if (!more) return;
    socket.pause();
    void more.finally(() => socket.resume());
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", unlisten);
}

export interface ConsoleQuery {
  readonly readonly?: unknown;
  readonly from?: "now" | "start" | undefined;
}

export async function guestConsole(service: Service, socket: WebSocket, name: string, query: ConsoleQuery) {
  const { recorder, link } = service;
  const early: Buffer[] = [];
  const keep = (data: Buffer) => void early.push(Buffer.from(data));
  socket.on("message", keep);
  const guest = await findGuest(await link.client(), name);
  socket.off("message", keep);
  const kept = recorder.console(guest.name);
  const input = recorder.input(guest);
  const histories = { start: () => kept.history(), now: () => Buffer.alloc(0) };
  const history = query.from === undefined ? () => kept.tail(TAIL) : histories[query.from];
  const typed = (bytes: Buffer) => (query.readonly === undefined ? input.type(bytes) : undefined);
  for (const bytes of early) void typed(bytes);
  serve(socket, { history, listen: (listener) => kept.listen(listener) }, typed);
  const unlisten = recorder.onEvent((event) => {
    if (event.kind === "destroyed" && event.id === guest.id + 1)
      socket.close(GOING_AWAY, `guest ${guest.name} is gone`);
  });
  socket.on("close", unlisten);
}

export function uart({ uart: line }: Service, socket: WebSocket): void {
  const source = { history: () => line.tail(TAIL), listen: (to: (bytes: Uint8Array) => void) => line.listen(to) };
  serve(socket, source, (bytes) => line.type(bytes));
}

/** An endless body. Answers how to write to it, and when the client is gone. */
function begin(request: FastifyRequest, reply: FastifyReply, type: string) {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { "content-type": type, "cache-control": "no-store" });
  raw.flushHeaders();
  const gone = new AbortController();
  request.raw.socket.once("close", () => gone.abort());
  raw.on("error", () => gone.abort());
  const write = (bytes: Uint8Array | string) => {
    if (gone.signal.aborted) return;
    if (raw.writableLength > MOST_BEHIND) raw.destroy();
    else raw.write(bytes);
  };
  return { write, signal: gone.signal, end: () => void raw.end() };
}

const wantsMore = (request: FastifyRequest): boolean => (request.query as { follow?: unknown }).follow !== undefined;

/** What is kept of a stream, and what comes if that is asked for. */
export function keptBody(request: FastifyRequest, reply: FastifyReply, source: Source): void {
  const body = begin(request, reply, "text/plain; charset=utf-8");
  body.write(source.history());
  if (!wantsMore(request)) return body.end();
  const unlisten = source.listen(body.write);
  body.signal.addEventListener("abort", unlisten);
}

export function events({ recorder }: Service, request: FastifyRequest, reply: FastifyReply): void {
  const body = begin(request, reply, "application/x-ndjson");
  for (const event of recorder.events) body.write(`${JSON.stringify(event)}\n`);
  if (!wantsMore(request)) return body.end();
  const unlisten = recorder.onEvent((event) => body.write(`${JSON.stringify(event)}\n`));
  body.signal.addEventListener("abort", unlisten);
}

/** NDJSON whose last line is the result or the error. */
export async function lines<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (tell: (line: T) => void, signal: AbortSignal) => Promise<object>,
): Promise<void> {
  const body = begin(request, reply, "application/x-ndjson");
  const tell = (line: object) => body.write(`${JSON.stringify(line)}\n`);
  try {
    tell({ result: await work(tell, body.signal) });
  } catch (error) {
    tell({ error: toApiError(error).body });
  }
  body.end();
}

export async function trace({ link, log }: Service, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const client = await link.client();
  const { ticksPerSecond } = await clockOf(client);
  const harts = client.host?.hartCount ?? 0;
  const body = begin(request, reply, "application/octet-stream");
  body.write(encodeTraceHeader({ ticksPerSecond: Number(ticksPerSecond), harts }));
  const until = wantsMore(request) ? "forever" : "now";
  const one = async (hart: number) => {
    const options = {
      index: hart,
      unit: TRACE_RECORD_BYTES,
      pollMs: TRACE_POLL_MS,
      signal: body.signal,
      until,
    } as const;
    for await (const chunk of follow(client, WireStream.Trace, options)) {
      const { position, bytes, skipped } = chunk;
      body.write(encodeTracePiece({ hart, position, lost: skipped, bytes }));
    }
  };
  const all = await Promise.allSettled(Array.from({ length: harts }, (_, hart) => one(hart)));
  for (const result of all) if (result.status === "rejected") log(`trace: ${String(result.reason)}`);
  body.end();
}
