// SPDX-License-Identifier: Apache-2.0
// What a session begins with, and what it asks again and again: who the hypervisor is, and whether there is news. Called in
// the channel's worker.
import { architectureName, now } from "../../arch/seam";
import { EXIT_KINDS } from "../../guest/exit-kinds";
import { ticksPerSecond } from "../../host/clock";
import { hartCount } from "../../host/harts";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { MAX_GUESTS, MAX_VCPUS } from "../../limits";
import { linkWindow } from "../link/link";
import { WIRE_VERSION } from "../wire";
import * as wire from "../wire-structs";
import { addRecord, putText } from "./answer";
import { fillNotice, noticeLooked } from "./notice";

export function answerHello(link: u32): i32 {
  const at = addRecord(wire.WIRE_HELLO_ANSWER_SIZE);
  const answer = changetype<wire.WireHelloAnswer>(at);
  answer.version = WIRE_VERSION;
  answer.window = linkWindow(link);
  answer.guestLimit = MAX_GUESTS;
  answer.vcpuLimit = MAX_VCPUS;
  answer.hartCount = hartCount();
  answer.exitKinds = EXIT_KINDS;
  answer.ticksPerSecond = ticksPerSecond();
  answer.now = now();
  putText(at + wire.WIRE_HELLO_ANSWER_RELEASE, wire.WIRE_HELLO_ANSWER_RELEASE_SIZE, "0.1.0");
  hw.buildId(at + wire.WIRE_HELLO_ANSWER_BUILD, wire.WIRE_HELLO_ANSWER_BUILD_SIZE - 1);
  putText(at + wire.WIRE_HELLO_ANSWER_ARCHITECTURE, wire.WIRE_HELLO_ANSWER_ARCHITECTURE_SIZE, architectureName());
  return Status.Ok;
}

export function answerPoll(): i32 {
  noticeLooked();
  fillNotice(changetype<wire.WireNotice>(addRecord(wire.WIRE_NOTICE_SIZE)));
  return Status.Ok;
}
