// SPDX-License-Identifier: Apache-2.0
// Builds the hypervisor image (`npm run build`) and says where it is. A build whose inputs did not change is not repeated.
import path from "node:path";
import { buildHypervisor } from "@typeone/toolchain";

const { elf, image, id } = await buildHypervisor();
console.log(`build ${id}: ${[elf, image].map((file) => path.relative(process.cwd(), file)).join(", ")}`);
