// SPDX-License-Identifier: Apache-2.0
// The API's routes about disks and networks. Part of server.ts.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import type { GuestDisk, GuestNetwork } from "@typeone/config";
import * as api from "./api-devices.ts";
import * as devices from "./devices.ts";
import { parseRequest } from "./parse-request.ts";
import type { Service } from "./service.ts";
import * as streams from "./streams.ts";

const params = z.object({
  name: z.string().min(1).max(64),
  kind: z.enum(["disks", "nets"]),
  index: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number),
});

function targetOf(request: FastifyRequest): devices.Target {
  const { name, kind, index } = parseRequest(params, request.params);
  return { name, kind: devices.KINDS[kind], index };
}

const guestName = (request: FastifyRequest): string => parseRequest(params.pick({ name: true }), request.params).name;

/** What JSON leaves out is not there. */
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

export function deviceRoutes(app: FastifyInstance, service: Service): void {
  app.get("/v1/disks", () => devices.disks(service));
  app.get("/v1/nets", () => devices.networks(service));
  app.post("/v1/guests/:name/disks", async (request, reply) => {
    const name = guestName(request);
    const disk = present(parseRequest(api.attachDiskBody, request.body).disk) as GuestDisk;
    await streams.lines<api.AttachLine>(request, reply, (tell, signal) =>
      devices.attachDisk(service, { name, disk, tell, signal }),
    );
  });
  app.post("/v1/guests/:name/nets", (request) => {
    const { network } = parseRequest(api.attachNetworkBody, request.body);
    return devices.attachNetwork(service, guestName(request), present(network) as GuestNetwork);
  });
  app.delete("/v1/guests/:name/:kind/:index", async (request, reply) => {
    const { force, wait, timeoutMs } = parseRequest(api.detachQuery, request.query);
    const patience = timeoutMs === undefined ? undefined : Number(timeoutMs);
    const options = { force: force === "1", wait: wait === "1", timeoutMs: patience };
    await devices.detach(service, targetOf(request), options);
    return reply.status(204).send();
  });
  app.patch("/v1/guests/:name/:kind/:index", (request) =>
    devices.setLimits(service, targetOf(request), parseRequest(api.limitsBody, request.body)),
  );
}
