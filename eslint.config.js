// SPDX-License-Identifier: Apache-2.0
// What ESLint checks. The core is AssemblyScript and gets the rules of packages/lint for its traps; everything that runs
// on Node gets typescript-eslint with types. Style is Prettier's business, not ESLint's.
import tseslint from "typescript-eslint";
import { tsImport } from "tsx/esm/api";

const { dialect, everywhere, plugin } = await tsImport("./packages/lint/src/index.ts", import.meta.url);

const GENERATED = [
  "core/arch/riscv64/csr.ts",
  "core/arch/riscv64/sbi-spec.ts",
  "core/arch/riscv64/irq/spec.ts",
  "core/dev/spec.ts",
  "core/mgmt/wire.ts",
  "core/mgmt/wire-structs.ts",
  "packages/protocol/src/generated.ts",
];
const errors = (rules) => Object.fromEntries(Object.keys(rules).map((name) => [`typeone/${name}`, "error"]));

const sizes = {
  "max-lines": ["error", 500],
  "max-lines-per-function": ["error", 50],
};

export default tseslint.config(
  { ignores: ["**/node_modules/", "build/", ".cache/", "coverage/", "packages/lint/fixtures/"] },
  {
    files: ["**/*.ts"],
    plugins: { typeone: plugin },
    languageOptions: { parser: tseslint.parser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: { ...errors(everywhere), ...sizes },
  },
  {
    name: "AssemblyScript: the hypervisor",
    files: ["core/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: {
      ...errors(dialect),
      "no-var": "error",
      "prefer-const": "error",
      "no-constant-binary-expression": "error",
      "no-duplicate-imports": "error",
      "no-self-assign": "error",
      "no-self-compare": "error",
      "no-unreachable": "error",
      "no-unsafe-finally": "error",
    },
  },
  {
    name: "Signatures that are those of instructions, or of the calls that a guest makes",
    files: ["core/hw.ts", "guests/**/*.ts"],
    rules: { "typeone/exported-signature": "off" },
  },
  {
    name: "Fixtures that only test modules are compiled with",
    files: ["core/**/*.testing.ts"],
    rules: { "typeone/shared-state": "off", "typeone/exported-signature": "off" },
  },
  {
    name: "TypeScript on Node",
    files: [
      "packages/**/*.ts",
      "tests/**/*.ts",
      "bench/**/*.ts",
      "scripts/**/*.ts",
      "guests/*.ts",
      "**/*.test.ts",
      "*.ts",
    ],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // Walking up a tree starts at `this`.
      "@typescript-eslint/no-this-alias": "off",
      eqeqeq: "error",
    },
  },
  {
    name: "Tests are as long as what they tell",
    files: ["**/*.test.ts"],
    rules: { "max-lines-per-function": "off" },
  },
  {
    name: "Generated tables",
    files: GENERATED,
    rules: { "max-lines": "off" },
  },
);
