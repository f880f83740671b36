#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# PID 1 of the ramdisk: loads the modules that reach the disk, waits for the root file system, mounts it and hands over.
#
#   root=/dev/vda | LABEL=… | UUID=… | PARTUUID=…   rootfstype=, rootflags=, ro|rw, init= as everywhere
#   rootdelay=SECONDS                               how long to wait for the disk (30 when absent; rootwait: for ever)
#   typeone.overlay                                 writes go to memory; also done when the disk is read-only
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
root=/dev/vda type=ext4 flags= mode=rw next=/sbin/init patience=30 overlay=
read -r line < /proc/cmdline
for word in $line; do
  case $word in
    root=*) root=${word#root=} ;;
    rootfstype=*) type=${word#rootfstype=} ;;
    rootflags=*) flags=,${word#rootflags=} ;;
    rootdelay=*) patience=${word#rootdelay=} ;;
    rootwait) patience= ;;
    ro | rw) mode=$word ;;
    init=*) next=${word#init=} ;;
    typeone.overlay) overlay=yes ;;
  esac
done

say() { echo "typeone: $1" > /dev/kmsg; }
stuck() {
  say "$1"
  echo "typeone: $1; a shell of the ramdisk follows" > /dev/console
  exec setsid cttyhack sh -i
}
load() { insmod "/modules/$1.ko" || say "module $1 does not load"; }
find_root() {
  case $root in
    /dev/*) device=$root ;;
    LABEL=* | UUID=*) device=$(findfs "$root" 2> /dev/null) ;;
    PARTUUID=*)
      device=$(grep -lx "$root" /sys/class/block/*/uevent 2> /dev/null)
      device=${device%/uevent} device=${device:+/dev/${device##*/}}
      ;;
    *) stuck "root=$root is not understood" ;;
  esac
  [ -b "$device" ]
}

while read -r module; do load "$module"; done < /modules/order
waited=0
until find_root; do
  usleep 20000
  waited=$((waited + 1))
  [ $((waited % 500)) = 0 ] && say "still no $root after $((waited / 50)) s"
  [ -n "$patience" ] && [ $waited -ge $((patience * 50)) ] && stuck "there is no root file system $root"
done

read -r protected < "/sys/class/block/${device##*/}/ro"
[ "$protected" = 1 ] && mode=ro overlay=${overlay:-yes}
if [ -n "$overlay" ]; then
  load overlay
  mkdir -p /lower /upper
  mount -t "$type" -o "ro$flags" "$device" /lower || stuck "$device cannot be mounted"
  mount -t tmpfs -o mode=755 tmpfs /upper
  mkdir /upper/data /upper/work
  mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /target ||
    stuck "writes to $device cannot be kept in memory"
else
  mount -t "$type" -o "$mode$flags" "$device" /target || stuck "$device cannot be mounted"
fi
[ -x "/target$next" ] || [ -L "/target$next" ] || stuck "$root holds no $next"
mount -o move /dev /target/dev
mount -o move /proc /target/proc
mount -o move /sys /target/sys
exec switch_root /target "$next"
