// SPDX-License-Identifier: Apache-2.0
// What the io soak runs in guests, as command lines: fio that writes blocks with checksums and reads them back, iperf3
// between two machines. Pure. Called by the soak; the programs are in the image of `npm run image -- debian --tools`.

export interface FioJob {
  /** A disk, or a file in a file system. */
  readonly target: string;
  readonly pattern: "sequential" | "random";
  readonly blockBytes: number;
  readonly depth: number;
  /** Where in the target it writes, and how much. */
  readonly offset: number;
  readonly bytes: number;
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
    `--offset=${job.offset}`,
    `--size=${job.bytes}`,
    `--randseed=${job.seed}`,
    "--ioengine=libaio",
    "--direct=1",
    "--verify=crc32c",
    "--verify_fatal=1",
    "--do_verify=1",
    "--verify_backlog=1024",
    "--fsync=256",
    "--eta=never",
    "--output-format=json",
  ];
  return `fio ${options.join(" ")}`;
}

const PAGE = 4096;
const MIB = 1 << 20;
/** Of small blocks, which take as long as large ones. */
const SMALL = 1024;

/**
 * The jobs that rounds take turns with: small blocks at depth, large ones, sectors one by one. Not limited by time: fio
 * would end without reading back what it wrote last. The area moves with each round.
 */
export function fioRound(target: string, round: number, sizeMiB: number): FioJob[] {
  const area = sizeMiB * MIB;
  const job = (pattern: FioJob["pattern"], blockBytes: number, [depth, bytes]: readonly [number, number]): FioJob => {
    const room = area - bytes + PAGE;
    return { target, seed: round + 1, pattern, blockBytes, depth, bytes, offset: alignDown((round * bytes) % room) };
  };
  return [
    job("random", PAGE, [32, SMALL * PAGE]),
    job("sequential", 32 * PAGE, [8, Math.floor(area / 3)]),
    job("random", 512, [1, (SMALL / 4) * 512]),
  ];
}

const alignDown = (bytes: number): number => bytes - (bytes % PAGE);

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
  readonly iperf?: IperfJob;
}

const REPORTS = "/tmp/soak";

/**
 * One line of shell that does a round (a job a disk, of another kind than in the round before), and then prints each program's report
 * behind a line `FILE name`.
 */
export function roundCommand({ targets, round, sizeMiB, iperf }: GuestRound): string {
  const disks = Object.entries(targets).map(([name, target]) => {
    const jobs = fioRound(target, round, sizeMiB);
    const job = jobs[round % jobs.length];
    return job ? `${fioCommand(job)} --output=${REPORTS}/fio-${name}.json > /dev/null 2>&1 &` : "";
  });
  const net = iperf ? [`${iperfCommand(iperf)} --interval 0 > ${REPORTS}/iperf.json 2>&1 &`] : [];
  const print = `for f in ${REPORTS}/*.json; do echo "FILE $f"; tr -d ' \\t\\n' < $f; echo; done`;
  return `rm -rf ${REPORTS}; mkdir ${REPORTS}; ( ${[...disks, ...net].join(" ")} wait ); echo; ${print}`;
}
