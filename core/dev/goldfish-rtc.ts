// SPDX-License-Identifier: Apache-2.0
// The Goldfish real-time clock: nanoseconds since 1970 in two words, and one alarm. Called in trap context, and by the
// owner of its timer, with the guest's lock held. The time comes in with each call, in nanoseconds of any clock that
// never goes back; `base` turns it into wall-clock time. It arms no timer: the owner reads `alarm` and calls rtcExpire.
import { Access, Handled, Unhandled } from "../mmio/access";
import { Device } from "./device";
import {
  RTC_ALARM_HIGH,
  RTC_ALARM_LOW,
  RTC_ALARM_STATUS,
  RTC_CLEAR_ALARM,
  RTC_CLEAR_INTERRUPT,
  RTC_IRQ_ENABLED,
  RTC_TIME_HIGH,
  RTC_TIME_LOW,
} from "./spec";

/** An alarm that never comes. */
export const RTC_ALARM_OFF: u64 = u64.MAX_VALUE;
const LOW: u64 = 0xffff_ffff;

@unmanaged
export class GoldfishRtc extends Device {
  /** Wall-clock time = caller's time + base, modulo 2^64. */
  base: u64 = 0;
  /** Caller's time at which rtcExpire is due; RTC_ALARM_OFF while disarmed. */
  alarm: u64 = 0;
  /** The alarm registers: wall-clock time. */
  alarmTime: u64 = 0;
  /** High half of the time, latched when the low half is read. */
  latched: u32 = 0;
  irqEnabled: u32 = 0;
  irqPending: u32 = 0;
  rtcPad: u32 = 0;
}

/** Makes a clock after reset that shows `base` when the caller's time is 0. */
export function rtcInit(rtc: GoldfishRtc, base: u64): void {
  rtc.driven = 0;
  rtc.base = base;
  rtcReset(rtc);
}

/** The state after a hardware reset; the time goes on. */
export function rtcReset(rtc: GoldfishRtc): void {
  rtc.alarm = RTC_ALARM_OFF;
  rtc.alarmTime = 0;
  rtc.latched = 0;
  rtc.irqEnabled = 0;
  rtc.irqPending = 0;
  rtc.level = 0;
}

/** Lets the alarm go off if it is due; early and repeated calls do nothing. */
export function rtcExpire(rtc: GoldfishRtc, nowNanoseconds: u64): void {
  if (rtc.alarm == RTC_ALARM_OFF || nowNanoseconds < rtc.alarm) return;
  rtc.alarm = RTC_ALARM_OFF;
  rtc.irqPending = 1;
  update(rtc);
}

/** A guest access. Only aligned words exist; words without a register read 0 and ignore writes. */
export function rtcAccess(rtc: GoldfishRtc, access: Access, nowNanoseconds: u64): i32 {
  if (access.width != 4 || (access.offset & 3) != 0) return Unhandled;
  rtcExpire(rtc, nowNanoseconds);
  const register = access.offset > RTC_CLEAR_INTERRUPT ? RTC_CLEAR_INTERRUPT + 4 : <u32>access.offset;
  if (access.write) writeRegister(rtc, register, access.value & LOW, nowNanoseconds);
  else access.value = readRegister(rtc, register, nowNanoseconds + rtc.base);
  return Handled;
}

function readRegister(rtc: GoldfishRtc, register: u32, time: u64): u64 {
  switch (register) {
    case RTC_TIME_LOW:
      rtc.latched = <u32>(time >> 32);
      return time & LOW;
    case RTC_TIME_HIGH:
      return rtc.latched;
    case RTC_ALARM_LOW:
      return rtc.alarmTime & LOW;
    case RTC_ALARM_HIGH:
      return rtc.alarmTime >> 32;
    case RTC_IRQ_ENABLED:
      return rtc.irqEnabled;
    case RTC_ALARM_STATUS:
      return u64(rtc.alarm != RTC_ALARM_OFF);
    default:
      return 0;
  }
}

function writeRegister(rtc: GoldfishRtc, register: u32, value: u64, nowNanoseconds: u64): void {
  const time = nowNanoseconds + rtc.base;
  switch (register) {
    case RTC_TIME_LOW:
      setTime(rtc, (time & ~LOW) | value, nowNanoseconds);
      break;
    case RTC_TIME_HIGH:
      setTime(rtc, (time & LOW) | (value << 32), nowNanoseconds);
      break;
    case RTC_ALARM_LOW:
      rtc.alarmTime = (rtc.alarmTime & ~LOW) | value;
      arm(rtc, nowNanoseconds);
      break;
    case RTC_ALARM_HIGH:
      rtc.alarmTime = (rtc.alarmTime & LOW) | (value << 32);
      break;
    case RTC_IRQ_ENABLED:
      rtc.irqEnabled = (<u32>value) & 1;
      update(rtc);
      break;
    case RTC_CLEAR_ALARM:
      rtc.alarm = RTC_ALARM_OFF;
      break;
    case RTC_CLEAR_INTERRUPT:
      rtc.irqPending = 0;
      update(rtc);
      break;
    default:
      break;
  }
}

/** The guest sets its clock; an armed alarm keeps its wall-clock time. */
function setTime(rtc: GoldfishRtc, time: u64, nowNanoseconds: u64): void {
  rtc.base = time - nowNanoseconds;
  if (rtc.alarm != RTC_ALARM_OFF) arm(rtc, nowNanoseconds);
}

/** Turns the alarm's wall-clock time into the caller's. One that has passed goes off at once. */
function arm(rtc: GoldfishRtc, nowNanoseconds: u64): void {
  const time = nowNanoseconds + rtc.base;
  const wait = rtc.alarmTime > time ? rtc.alarmTime - time : 0;
  const due = nowNanoseconds + wait;
  // Further than the caller's clock can count is never.
  rtc.alarm = due < nowNanoseconds ? RTC_ALARM_OFF : due;
  rtcExpire(rtc, nowNanoseconds);
}

function update(rtc: GoldfishRtc): void {
  rtc.level = rtc.irqPending & rtc.irqEnabled;
}
