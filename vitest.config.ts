// SPDX-License-Identifier: Apache-2.0
// Unit tests stand beside their source; tests by intent live in tests/.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["core/**/*.test.ts", "packages/**/*.test.ts", "tests/sim/**/*.test.ts", "tests/soak/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
});
