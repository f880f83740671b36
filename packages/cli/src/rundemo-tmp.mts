import { prepareDemo } from "/work/main/packages/cli/src/demo/prepare.ts";
import { DEFAULT_MACHINE, silentProgress, machineArgs } from "@typeone/host";
const e = process.env;
const image = await prepareDemo(
  {
    machine: {
      ...DEFAULT_MACHINE,
      harts: Number(e.H ?? 2),
      memoryMiB: Number(e.M ?? 1024),
      aia: (e.A ?? "none") as any,
      cpu: (e.C ?? "rv64") as any,
      sstc: (e.S ?? "on") as any,
    },
    guests: (e.G ?? "alpha,beta").split(","),
    vcpus: Number(e.V ?? 2),
    guestMemoryMiB: 256,
    log: (e.L as any) ?? "normal",
    seed: "fixed",
  },
  silentProgress,
);
console.log(image.image.args.join(" "));
