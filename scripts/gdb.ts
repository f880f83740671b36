// SPDX-License-Identifier: Apache-2.0
// `npm run gdb`: the demo's machine halted at its first instruction, with gdb attached and the hypervisor's symbols
// loaded. The serial line goes to build/gdb-serial.log. Without a gdb for RISC-V it prints what to type elsewhere.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { createProgress, DEFAULT_MACHINE, findProgram, launch, REPO_ROOT } from "@typeone/host";
import { buildHypervisor } from "@typeone/toolchain";
import { prepareDemo } from "../packages/cli/src/demo/prepare.ts";

const PORT = Number(process.env["TYPEONE_GDB_PORT"] ?? 1234);

const { elf } = await buildHypervisor();
const demo = await prepareDemo(
  {
    machine: { ...DEFAULT_MACHINE, gdbPort: PORT, gdbWait: "yes" },
    guests: ["alpha", "beta"],
    vcpus: 1,
    guestMemoryMiB: 256,
    log: "normal",
    seed: "fixed",
    root: "memory",
  },
  createProgress(),
);
const commands = [
  "set architecture riscv:rv64",
  `file ${elf}`,
  `target remote 127.0.0.1:${PORT}`,
  "hbreak handle_trap",
];
const log = path.join(REPO_ROOT, "build/gdb-serial.log");
const machine = await launch(demo.image.args);
const serial = createWriteStream(log);
machine.console.onData((bytes) => void serial.write(bytes));
console.log(`the machine waits at 127.0.0.1:${PORT}; its serial line goes to ${path.relative(process.cwd(), log)}`);

const gdb = (await findProgram("gdb-multiarch")) ?? (await findProgram("riscv64-unknown-elf-gdb"));
if (gdb === undefined) {
  console.log("no gdb for RISC-V here (Debian: apt-get install gdb-multiarch); from another terminal:");
  console.log(`  gdb-multiarch ${commands.map((command) => `-ex '${command}'`).join(" ")}`);
  await machine.exited;
} else {
  // Ctrl-C belongs to gdb: it stops the machine, not this script.
  process.on("SIGINT", () => undefined);
  const child = spawn(gdb, ["-q", ...commands.flatMap((command) => ["-ex", command])], { stdio: "inherit" });
  await Promise.race([new Promise((resolve) => child.once("close", resolve)), machine.exited]);
  await machine.kill();
}
