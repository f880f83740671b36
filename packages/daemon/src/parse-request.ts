// SPDX-License-Identifier: Apache-2.0
// What a client sent, checked by a schema.
import type { z } from "zod";
import { ApiError } from "./errors.ts";

export function parseRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") ?? "";
  const message = `the request is not right: ${where === "" ? "" : `${where}: `}${issue?.message ?? ""}`;
  throw new ApiError({ code: "invalid", message });
}
