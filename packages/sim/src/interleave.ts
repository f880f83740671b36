// SPDX-License-Identifier: Apache-2.0
// Runs functions of one core module as several harts at once, in one thread and reproducibly: Binaryen's asyncify pass
// lets a call stop at an import and go on later, so a test chooses at every atomic operation which hart goes next.
// What a call does between two imports is one step (the memory model is sequentially consistent).

export type Value = number | bigint;
type Function = (...args: Value[]) => Value | void;

export interface Task {
  readonly hart: number;
  readonly name: string;
  done: boolean;
  result: Value;
}

interface Suspended extends Task {
  readonly args: Value[];
  /** Linear address of asyncify's record: two pointers, then the saved stack. */
  readonly record: number;
  started: boolean;
  /** The import at which it stopped. */
  waiting: (() => Value | void) | undefined;
}

const RECORD_SIZE = 8192;
const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The module of `entry` with asyncify in it, made once. */
function interruptible(entry: string): Promise<WebAssembly.Module> {
  let made = modules.get(entry);
  if (made === undefined) {
    made = asyncified(entry);
    modules.set(entry, made);
  }
  return made;
}

async function asyncified(entry: string): Promise<WebAssembly.Module> {
  // Loading the compiler and Binaryen takes seconds: only who compiles pays for it.
  const { compileAssemblyScript } = await import("@typeone/toolchain");
  const { default: binaryen } = await import("binaryen");
  const module = binaryen.readBinary((await compileAssemblyScript({ entry })).wasm);
  module.setFeatures(binaryen.Features.All);
  module.runPasses(["asyncify"]);
  const bytes = module.emitBinary() as Uint8Array<ArrayBuffer>;
  module.dispose();
  return WebAssembly.compile(bytes);
}

export class Interleaver {
  readonly exports: Record<string, Function> = {};
  /** Exported constants. */
  readonly constants: Record<string, number> = {};
  memory!: WebAssembly.Memory;
  /** The hart on whose behalf the module runs now. */
  hart = 0;
  private running: Suspended | undefined;
  private readonly freeRecords: number[] = [];

  /**
   * Loads `entry`; `hardware` are the functions of hw.ts, of which those in `stops` are where calls can be interleaved
   * (with a zero of what each answers).
   */
  static async load(
    entry: string,
    hardware: Record<string, Function>,
    stops: Record<string, Value>,
  ): Promise<Interleaver> {
    const self = new Interleaver();
    const compiled = await interruptible(entry);
    const provided: WebAssembly.Imports = { hw: {}, env: {} };
    for (const { module: from, name } of WebAssembly.Module.imports(compiled)) {
      const act = hardware[name];
      const missing = (): never => {
        throw new Error(`the unit under test called ${from}.${name}, which the test did not provide`);
      };
      (provided[from] ??= {})[name] =
        act === undefined ? missing : name in stops ? self.stopAt(act, stops[name] ?? 0) : act;
    }
    const instance = await WebAssembly.instantiate(compiled, provided);
    for (const [name, value] of Object.entries(instance.exports)) {
      if (value instanceof WebAssembly.Global) self.constants[name] = Number(value.value);
      else if (typeof value === "function") self.exports[name] = value as Function;
    }
    self.memory = instance.exports["memory"] as WebAssembly.Memory;
    return self;
  }

  /** Runs a call to its end, without a stop. */
  call(hart: number, name: string, ...args: Value[]): Value {
    this.hart = hart;
    return this.function(name)(...args) ?? 0;
  }

  /** Begins a call that stops before each of its stops. */
  start(hart: number, name: string, ...args: Value[]): Task {
    const record = this.freeRecords.pop() ?? this.newRecord();
    const task: Suspended = { hart, name, args, record, done: false, started: false, result: 0, waiting: undefined };
    return task;
  }

  /** Lets a call go on to its next stop; true when it has ended. */
  step(task: Task): boolean {
    const suspended = task as Suspended;
    if (suspended.done) return true;
    this.hart = suspended.hart;
    this.running = suspended;
    const view = new DataView(this.memory.buffer);
    if (suspended.started) this.function("asyncify_start_rewind")(suspended.record);
    else {
      view.setUint32(suspended.record, suspended.record + 8, true);
      view.setUint32(suspended.record + 4, suspended.record + RECORD_SIZE, true);
      suspended.started = true;
    }
    const result = this.function(suspended.name)(...suspended.args);
    this.running = undefined;
    if (this.function("asyncify_get_state")() === 1) {
      this.function("asyncify_stop_unwind")();
      return false;
    }
    suspended.done = true;
    suspended.result = result ?? 0;
    this.freeRecords.push(suspended.record);
    return true;
  }

  private stopAt(act: Function, zero: Value): Function {
    return (...args) => {
      const task = this.running;
      if (task === undefined) return act(...args);
      if (task.waiting === undefined) {
        task.waiting = () => act(...args);
        this.function("asyncify_start_unwind")(task.record);
        return zero;
      }
      this.function("asyncify_stop_rewind")();
      const go = task.waiting;
      task.waiting = undefined;
      return go();
    };
  }

  private function(name: string): Function {
    const found = this.exports[name];
    if (found === undefined) throw new Error(`the module exports no function ${name}`);
    return found;
  }

  private newRecord(): number {
    const page = this.memory.grow(1) * 65536;
    for (let at = page + RECORD_SIZE; at < page + 65536; at += RECORD_SIZE) this.freeRecords.push(at);
    return page;
  }
}
