// SPDX-License-Identifier: Apache-2.0
// The API over a unix socket that only its owner can open: checks what comes in, calls the part that does it, answers
// JSON, and turns every failure into a code, a message and a fix.
import { chmod, rm } from "node:fs/promises";
import websocket from "@fastify/websocket";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { z } from "zod";
import * as api from "./api.ts";
import type { CreateLine } from "./api.ts";
import * as change from "./change.ts";
import { createGuest } from "./create.ts";
import { ApiError } from "./errors.ts";
import { parseRequest as parse } from "./parse-request.ts";
import * as query from "./query.ts";
import { deviceRoutes } from "./server-devices.ts";
import { findGuest, type Service, toApiError } from "./service.ts";
import * as streams from "./streams.ts";

const MOST_BODY = 64 << 10;
const MOST_MESSAGE = 1 << 20;

const indexText = z.string().regex(/^\d{1,4}$/);
const nameParams = z.object({ name: z.string().min(1).max(64) });
const vcpuParams = nameParams.extend({ index: indexText.transform(Number) });
const memoryQuery = z.object({
  gpa: z.string().regex(/^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/),
  length: z.string().regex(/^\d{1,9}$/),
});
const consoleQuery = z.object({ readonly: z.string().optional(), from: z.enum(["now", "start"]).optional() });
const nameOf = (request: FastifyRequest): string => parse(nameParams, request.params).name;

export async function serveApi(service: Service): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: MOST_BODY, forceCloseConnections: true, routerOptions: { maxParamLength: 256 } });
  await app.register(websocket, { options: { maxPayload: MOST_MESSAGE, perMessageDeflate: false } });
  app.setErrorHandler((error: unknown, _request, reply) => {
    const known = asApiError(error);
    if (known.code === "internal") service.log(`internal: ${error instanceof Error ? (error.stack ?? "") : ""}`);
    return reply.status(known.status).send({ error: known.body });
  });
  app.setNotFoundHandler((request, reply) => {
    const body = { code: "not-found", message: `there is nothing at ${request.method} ${request.url.slice(0, 200)}` };
    return reply.status(404).send({ error: body });
  });
  hostRoutes(app, service);
  guestRoutes(app, service);
  vcpuRoutes(app, service);
  deviceRoutes(app, service);
  streamRoutes(app, service);
  await rm(service.paths.api, { force: true });
  const mask = process.umask(0o177);
  try {
    await app.listen({ path: service.paths.api });
  } finally {
    process.umask(mask);
  }
  await chmod(service.paths.api, 0o600);
  return app;
}

/** Fastify's own complaints are about the request. */
function asApiError(error: unknown): ApiError {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return toApiError(error);
  const status = Number(error.statusCode);
  const message = error instanceof Error ? error.message : "the request is not right";
  if (status === 413) return new ApiError({ code: "too-large", message });
  return status < 500 ? new ApiError({ code: "invalid", message }) : toApiError(error);
}

function hostRoutes(app: FastifyInstance, service: Service): void {
  app.get("/v1/daemon", () => ({ pid: process.pid, name: service.paths.name }));
  app.get("/v1/host", () => query.hostInfo(service));
  app.get("/v1/host/harts", () => query.harts(service));
  app.get("/v1/host/memory", () => query.memoryMap(service));
  app.get("/v1/host/irqs", () => query.irqs(service));
  app.post("/v1/host/actions", async (request, reply) => {
    await change.hostAction(service, parse(api.hostActionBody, request.body).action);
    return reply.status(204).send();
  });
  app.post("/v1/daemon/stop", async (request, reply) => {
    const { keepHost } = parse(api.stopBody, request.body ?? {});
    await service.stop(keepHost ? "keep" : "end");
    return reply.status(204).send();
  });
  app.post("/v1/trace", async (request, reply) => {
    await change.setTrace(service, parse(api.traceBody, request.body).mask);
    return reply.status(204).send();
  });
}

function guestRoutes(app: FastifyInstance, service: Service): void {
  app.get("/v1/guests", () => query.guests(service));
  app.get("/v1/guests/:name", (request) => query.guestDetail(service, nameOf(request)));
  app.post("/v1/guests", async (request, reply) => {
    const { guest, start } = parse(api.createBody, request.body);
    const whole = Object.fromEntries(Object.entries(guest).filter(([, value]) => value !== undefined));
    await streams.lines<CreateLine>(request, reply, (tell, signal) =>
      createGuest(service, { guest: whole as unknown as api.CreateBody["guest"], start, tell, signal }),
    );
  });
  app.post("/v1/guests/:name/actions", (request) =>
    change.guestAction(service, nameOf(request), parse(api.actionBody, request.body)),
  );
  app.get("/v1/guests/:name/memory", async (request, reply) => {
    const { gpa, length } = parse(memoryQuery, request.query);
    const bytes = await query.readMemory(service, nameOf(request), BigInt(gpa), Number(length));
    return reply.type("application/octet-stream").send(bytes);
  });
  app.get("/v1/crashes", () => service.recorder.crashes.list());
  app.get("/v1/guests/:name/crash", async (request) => {
    const name = await realName(service, nameOf(request));
    const record = service.recorder.crashes.newest(name);
    if (!record) throw new ApiError({ code: "not-found", message: `guest ${name} has no crash record` });
    return record;
  });
}

/** The name behind a guest's number, if it exists; else what was said. */
async function realName({ link }: Service, name: string): Promise<string> {
  try {
    return (await findGuest(await link.client(), name)).name;
  } catch {
    return name;
  }
}

function vcpuRoutes(app: FastifyInstance, service: Service): void {
  app.post("/v1/guests/:name/vcpus", (request) =>
    change.setVcpuCount(service, nameOf(request), parse(api.vcpusBody, request.body).count),
  );
  app.patch("/v1/guests/:name/vcpus/:index", (request) => {
    const { name, index } = parse(vcpuParams, request.params);
    return change.changeVcpu(service, name, index, parse(api.vcpuPatch, request.body));
  });
  app.get("/v1/guests/:name/vcpus/:index/registers", (request) => {
    const { name, index } = parse(vcpuParams, request.params);
    return query.registers(service, name, index);
  });
}

function streamRoutes(app: FastifyInstance, service: Service): void {
  const { recorder } = service;
  app.get("/v1/log", (request, reply) => streams.keptBody(request, reply, recorder.log));
  app.get("/v1/events", (request, reply) => streams.events(service, request, reply));
  app.get("/v1/trace", (request, reply) => streams.trace(service, request, reply));
  app.get("/v1/guests/:name/log", async (request, reply) => {
    const name = await realName(service, nameOf(request));
    const kept = recorder.console(name);
    // A name that was never a guest's gets the same answer as everywhere.
    if (kept.tail(1).length === 0) await findGuest(await service.link.client(), name);
    streams.keptBody(request, reply, kept);
  });
  const exists = async (request: FastifyRequest) =>
    void (await findGuest(await service.link.client(), nameOf(request)));
  app.get("/v1/guests/:name/console", { websocket: true, preValidation: exists }, (socket, request) => {
    streams
      .guestConsole(service, socket, nameOf(request), parse(consoleQuery, request.query))
      .catch((error: unknown) => {
        socket.close(1011, toApiError(error).message.slice(0, 120));
      });
  });
  app.get("/v1/uart", { websocket: true }, (socket) => streams.uart(service, socket));
}
