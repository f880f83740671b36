// SPDX-License-Identifier: Apache-2.0
// The device tree reader, whole: import from here. Called at boot (host tree) and at guest creation (guest trees).
// `fdt` is the linear address of a blob that fdtCheck accepted; every other function relies on that.
// A node is a linear address (of its token), a property too (of its data, length by fdtLength); 0 is "none".
// Names and texts are string literals, compared unit by unit: nothing here allocates, recurses or prints.
export { fdtCheck } from "./check";
export {
  fdtChild,
  fdtFirstProperty,
  fdtLength,
  fdtName,
  fdtNameLength,
  fdtNext,
  fdtNextProperty,
  fdtParent,
  fdtProperty,
  fdtPropertyName,
  fdtRoot,
  fdtSibling,
} from "./walk";
export { fdtFind, fdtFindBytes, fdtNamed, fdtResolve } from "./path";
export {
  fdtAvailable,
  fdtCell,
  fdtCellCount,
  fdtCompatible,
  fdtEquals,
  fdtFindCompatible,
  fdtHas,
  fdtListContains,
  FdtRange,
  fdtReservation,
  fdtStringLength,
  fdtU32,
  fdtU64,
} from "./value";
export {
  fdtAddress,
  fdtAddressCells,
  fdtBusIsFlat,
  fdtReg,
  fdtRegCount,
  fdtRegOn,
  fdtSizeCells,
  fdtTranslate,
} from "./address";
export {
  fdtByPhandle,
  FdtInterrupt,
  fdtInterrupt,
  fdtInterruptCell,
  fdtInterruptParent,
  fdtReference,
} from "./interrupt";
