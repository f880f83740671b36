#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs once, as PID 1 of the image that is being made: what the packages' own scripts do at installation, then our
# settings. Its output is read by packages/host/src/rootfs/second-stage.ts: `status: PACKAGE: installed` of dpkg, and
# lines that begin with TYPEONE-IMAGE. It removes itself and turns the machine off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/ TERM=dumb
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
export SYSTEMD_OFFLINE=1 SYSTEMD_IN_CHROOT=1
here=/usr/lib/typeone
off() {
  cd /
  sync
  mount -o remount,ro / || echo "TYPEONE-IMAGE failed: mount -o remount,ro /"
  echo o > /proc/sysrq-trigger
  while :; do sleep 1; done
}
failed() {
  echo "TYPEONE-IMAGE failed: $1"
  off
}
step() { echo "TYPEONE-IMAGE step: $1"; }

if [ ! -e /run/configure.sh ]; then
  # From a copy: a file that is open and removed would keep the root file system from becoming read-only.
  mount -t tmpfs -o mode=755 tmpfs /run
  cp "$0" /run/configure.sh
  exec /run/configure.sh
fi
mount -t tmpfs tmpfs /tmp
mkdir -p /run/lock
ln -sf /proc/self/fd /dev/fd

step "packages prepare"
ln -sf mawk /usr/bin/awk
while read -r name arch base; do
  script=/var/lib/dpkg/info/$base.preinst
  [ -f "$script" ] || continue
  DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=$name DPKG_MAINTSCRIPT_ARCH=$arch DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 \
    DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT='' DPKG_RUNNING_VERSION=$(cat $here/dpkg-version) "$script" install ||
    failed "the preinst script of $name"
done < $here/packages

step "packages configure"
# A status descriptor of its own: dpkg makes it non-blocking, which scripts that print do not expect.
dpkg --configure -a --force-unsafe-io --status-fd 3 3> /dev/console < /dev/null || failed "dpkg --configure -a"
[ -z "$(dpkg --audit)" ] || failed "dpkg --audit: $(dpkg --audit | head -5)"

step "settings"
bash -e $here/settings.sh || failed "settings.sh"
depmod "$(uname -r)" || failed "depmod"

step "clean"
rm -rf /var/lib/dpkg/*-old /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/*.log /etc/*- /etc/ssh/ssh_host_* $here
rm -f /var/lib/systemd/random-seed /var/lib/dbus/machine-id
: > /etc/machine-id
/usr/lib/systemd/systemd-update-done
fstrim / || true
echo "TYPEONE-IMAGE done"
off
