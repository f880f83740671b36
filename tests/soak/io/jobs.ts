// SPDX-License-Identifier: Apache-2.0
// What the io soak runs in guests, as command lines: fio that writes blocks with checksums and reads them back, iperf3
// between two machines. Pure. Called by the soak; the programs are in the image of `npm run image -- debian --tools`.

export interface FioJob {
  /** A disk, or a file in a file system. */
  readonly target: string;
  readonly pattern: "sequential" | "random";
  readonly blockBytes: number;
  readonly depth: number;
  /** Of the target that is written. */
  readonly sizeMiB: number;
  readonly seconds: number;
  /** The same seed writes the same places. */
  readonly seed: number;
}

const PATTERNS = { sequential: "write", random: "randwrite" } as const;

/** One fio call whose standard output is its JSON report. Every block carries a CRC32C and is read back and checked. */
export function fioCommand(job: FioJob): string {
  const options = [
    "--name=soak",
    `--filename=${job.target}`,
    `--rw=${PATTERNS[job.pattern]}`,
    `--bs=${job.blockBytes}`,
    `--iodepth=${job.depth}`,
    `--size=${job.sizeMiB}M`,
    `--runtime=${job.seconds}`,
    `--randseed=${job.seed}`,
    "--time_based",
    "--ioengine=libaio",
    "--direct=1",
    "--verify=crc32c",
    "--verify_fatal=1",
    "--do_verify=1",
    "--verify_backlog=1024",
    "--fsync=256",
    "--output-format=json",
  ];
  return `fio ${options.join(" ")}`;
}

/** The jobs that rounds take turns with: each pattern with small blocks at depth, and large ones. */
export function fioRound(
  target: string,
  round: number,
  { sizeMiB, seconds }: { readonly sizeMiB: number; readonly seconds: number },
): FioJob[] {
  const common = { target, sizeMiB, seconds, seed: round + 1 };
  return [
    { ...common, pattern: "random", blockBytes: 4096, depth: 32 },
    { ...common, pattern: "sequential", blockBytes: 131_072, depth: 8 },
    { ...common, pattern: "random", blockBytes: 512, depth: 1 },
  ];
}

export interface IperfJob {
  readonly server: string;
  readonly seconds: number;
  readonly streams: number;
  /** "reverse": the server sends. */
  readonly direction: "forward" | "reverse";
}

/** A server that serves one test after another, in the background; its output goes nowhere. */
export const IPERF_SERVER = "systemd-run --quiet --unit=iperf3-server --property=Restart=always iperf3 --server";

export function iperfCommand({ server, seconds, streams, direction }: IperfJob): string {
  const reverse = direction === "reverse" ? " --reverse" : "";
  return `iperf3 --client ${server} --time ${seconds} --parallel ${streams}${reverse} --connect-timeout 10000 --json`;
}

/** Listens for connections and sends back what comes, in the background. */
export const echoServer = (port: number): string =>
  "systemd-run --quiet --unit=echo-server --property=Restart=always " +
  `systemd-socket-activate --accept --inetd --listen=${port} cat`;

/** Where an iperf3 server listens. */
export const IPERF_PORT = 5201;

/** Ends when somebody listens at a port, or with an error after a while. */
export const awaitServer = (port: number): string =>
  `for i in $(seq 40); do ss -Hltn sport = :${port} | grep -q LISTEN && break; sleep 1; done; [ $i -lt 40 ]`;

export interface GuestRound {
  /** Disks that are worked on at the same time, by a name for the report. */
  readonly targets: Readonly<Record<string, string>>;
  readonly round: number;
  readonly sizeMiB: number;
  /** What a job writes for; a round has one a disk, of another kind than the round before. */
  readonly seconds: number;
  readonly iperf?: IperfJob;
}

const REPORTS = "/tmp/soak";

/** One line of shell that does a round, and then prints each program's report behind a line `FILE name`. */
export function roundCommand({ targets, round, sizeMiB, seconds, iperf }: GuestRound): string {
  const disks = Object.entries(targets).map(([name, target]) => {
    const jobs = fioRound(target, round, { sizeMiB, seconds });
    const job = jobs[round % jobs.length];
    return job ? `${fioCommand(job)} --output=${REPORTS}/fio-${name}.json 2> /dev/null &` : "";
  });
  const net = iperf ? [`${iperfCommand(iperf)} --interval 0 > ${REPORTS}/iperf.json 2>&1 &`] : [];
  const print = `for f in ${REPORTS}/*.json; do echo "FILE $f"; tr -d ' \\t\\n' < $f; echo; done`;
  return `rm -rf ${REPORTS}; mkdir ${REPORTS}; ( ${[...disks, ...net].join(" ")} wait ); ${print}`;
}
