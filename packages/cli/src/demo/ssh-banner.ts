// SPDX-License-Identifier: Apache-2.0
// What an ssh server says first (RFC 4253 §4.2), to see that one is there without having an ssh client. Called by check.ts.
import net from "node:net";

const PATIENCE_MS = 60_000;
/** RFC 4253: a server's line has at most 255 characters. */
const MOST = 255;

/** The software that the server at a port of this machine names itself; rejects when it does not greet. */
export function sshBanner(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    let text = "";
    const end = (error: Error | null, banner = ""): void => {
      socket.destroy();
      if (error) reject(error);
      else resolve(banner);
    };
    socket.setTimeout(PATIENCE_MS, () => end(new Error(`nothing was said at port ${port}`)));
    socket.on("error", end);
    socket.on("close", () => end(new Error(`the connection to port ${port} was closed without a greeting`)));
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const banner = /^SSH-2\.0-([!-~]+)/.exec(text);
      if (text.includes("\n") || text.length > MOST) end(banner ? null : new Error("no ssh server"), banner?.[1]);
    });
  });
}
