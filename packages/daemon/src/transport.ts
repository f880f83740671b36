// SPDX-License-Identifier: Apache-2.0
// HTTP and websockets over the daemon's unix socket, for client.ts: JSON there and back, bodies as streams, errors as
// ApiError. Nothing of the API itself is known here.
import http, { type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocket } from "ws";
import type { ErrorBody } from "./api.ts";
import { ApiError, codeOf, noHost } from "./errors.ts";

export interface CallOptions {
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** How long the daemon may stay silent; 30 s when absent. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const MOST_ANSWER = 64 << 20;

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length > MOST_ANSWER) throw new ApiError({ code: "too-large", message: "the daemon's answer is too large" });
  }
  return Buffer.concat(parts);
}

async function errorOf(message: IncomingMessage): Promise<ApiError> {
  const text = (await readAll(message)).toString("utf8");
  try {
    const { error } = JSON.parse(text) as { error: ErrorBody };
    if (typeof error.message === "string") return new ApiError(error);
  } catch {
    // Not from our daemon's own hand.
  }
  const why = text.slice(0, 200) || message.statusMessage || "";
  return new ApiError({ code: "internal", message: `the daemon answered ${message.statusCode ?? 0}: ${why}` });
}

/** No socket, or nobody behind it. */
export function isNobody(error: unknown): boolean {
  return ["ENOENT", "ECONNREFUSED"].includes(codeOf(error) ?? "");
}

function translate(error: unknown): unknown {
  if (isNobody(error)) return noHost();
  if (["ECONNRESET", "EPIPE"].includes(codeOf(error) ?? ""))
    return new ApiError({ code: "unavailable", message: "the background process of this host ended" });
  return error;
}

export class Transport {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The answer's body as it comes; ApiError when it is a refusal. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, options).catch((error: unknown) => {
      throw translate(error);
    });
    if ((answer.statusCode ?? 500) >= 400) throw await errorOf(answer);
    return answer;
  }

  async bytes(method: string, path: string, options: CallOptions = {}): Promise<Buffer> {
    const answer = await this.open(method, path, options);
    return readAll(answer).catch((error: unknown) => {
      throw translate(error);
    });
  }

  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const text = (await this.bytes(method, path, options)).toString("utf8");
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** An endless body in pieces; ends quietly when `signal` says so. */
  async *pieces(path: string, options: CallOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    if (options.signal?.aborted) return;
    try {
      const answer = await this.open("GET", path, options);
      yield* answer as AsyncIterable<Buffer>;
    } catch (error) {
      if (!options.signal?.aborted) throw translate(error);
    }
  }

  /** A body of lines of JSON. */
  async *lines<T>(method: string, path: string, options: CallOptions = {}): AsyncGenerator<T, void, undefined> {
    if (options.signal?.aborted) return;
    let rest = "";
    try {
      const answer = await this.open(method, path, options);
      answer.setEncoding("utf8");
      for await (const part of answer as AsyncIterable<string>) {
        const lines = (rest + part).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") yield JSON.parse(line) as T;
      }
    } catch (error) {
      if (!options.signal?.aborted || method !== "GET") throw translate(error);
    }
  }

  /** A websocket as a stream of bytes both ways, open. */
  socket(path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://daemon${path}`, {
        createConnection: (() => connect(this.#socketPath)) as unknown as typeof connect,
        perMessageDeflate: false,
        handshakeTimeout: TIMEOUT_MS,
      });
      // Made before it is open, so that no byte comes too early.
      const stream = createWebSocketStream(socket);
      // The other end has closed: nobody will read what is written from now on.
      stream.once("end", () => stream.destroy());
      stream.once("error", (error) => reject(translate(error) as Error));
      socket.once("unexpected-response", (_request, response: IncomingMessage) => {
        void errorOf(response)
          .then(reject, reject)
          .finally(() => socket.terminate());
      });
      socket.once("open", () => resolve(stream));
    });
  }

  #send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = payload === undefined ? {} : { "content-type": "application/json" };
    return new Promise((resolve, reject) => {
      const request = http.request({
        socketPath: this.#socketPath,
        method,
        path,
        agent: false,
        headers: { host: "daemon", ...headers },
        ...(options.signal ? { signal: options.signal } : {}),
      });
      const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
      const timer = setTimeout(() => {
        const message = `the background process did not answer within ${Math.round(timeoutMs / 1000)} s`;
        request.destroy(new ApiError({ code: "timeout", message }));
      }, timeoutMs);
      request.once("response", (answer) => (clearTimeout(timer), resolve(answer)));
      request.once("error", (error) => (clearTimeout(timer), reject(error)));
      request.end(payload);
    });
  }
}
