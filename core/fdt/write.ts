// SPDX-License-Identifier: Apache-2.0
// The device tree writer, whole: import from here. Called at guest creation, with a caller-owned 8-byte aligned buffer:
//   fdtBegin  [fdtReserve…]  fdtBeginNode("")  properties  child nodes  fdtEndNode  …  fdtFinish -> size
// The first failure sticks in the writer and every later call does nothing, so callers check once, at fdtFinish.
// Never allocates, never writes outside the buffer. The result passes fdtCheck, provided that the caller repeats no
// name among siblings or among a node's properties.
export { FdtWriter } from "./emit";
export {
  fdtBegin,
  fdtBeginNode,
  fdtBeginNodeAt,
  fdtBeginNodeBytes,
  fdtEndNode,
  fdtFinish,
  fdtReserve,
  fdtSetBootCpu,
} from "./build";
export {
  fdtBeginProperty,
  fdtBeginPropertyBytes,
  fdtBytes,
  fdtCellU32,
  fdtCellU64,
  fdtEndProperty,
  fdtText,
} from "./property";
export {
  fdtCopyNode,
  fdtCopyProperties,
  fdtCopyProperty,
  fdtPutBytes,
  fdtPutEmpty,
  fdtPutReg,
  fdtPutString,
  fdtPutU32,
  fdtPutU64,
} from "./put";
