// SPDX-License-Identifier: Apache-2.0
// The one error of this package. It says where in the tree: the node's path, and the property if one is to blame.

export class FdtError extends Error {
  /** Path of the node, "" where the fault is not in a node (header, reservations). */
  readonly path: string;
  readonly property: string | undefined;

  constructor(message: string, path = "", property?: string) {
    const where = property === undefined ? path : `${path}: property ${property}`;
    super(where === "" ? message : `${where}: ${message}`);
    this.name = "FdtError";
    this.path = path;
    this.property = property;
  }
}
