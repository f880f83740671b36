// SPDX-License-Identifier: Apache-2.0
export { loadUnit } from "./unit.ts";
export type { Imports, UnitModule } from "./unit.ts";
