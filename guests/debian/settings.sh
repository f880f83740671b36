# SPDX-License-Identifier: Apache-2.0
# Run by configure.sh (bash -e) behind the packages' own scripts: what this image has that a fresh Debian has not.

# The console's login needs no password; ssh takes keys only.
passwd --quiet --delete root

systemctl enable systemd-networkd.service systemd-network-generator.service systemd-resolved.service \
  typeone-root-password.service
# Nobody waits for an address at boot; ssh starts with the first connection.
systemctl disable systemd-networkd-wait-online.service ssh.service getty@tty1.service remote-fs.target \
  systemd-pstore.service
systemctl enable ssh.socket
# Asks questions on the console when machine-id is new; images are not updated behind one's back.
systemctl mask systemd-firstboot.service getty-static.service
systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  e2scrub_reap.service
# The session manager starts when somebody asks it over the bus, not at boot.
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf /dev/null /etc/systemd/system/multi-user.target.wants/systemd-logind.service
# The key of ssh is made when somebody connects.
rm -f /etc/systemd/system/ssh.socket.wants/sshd-keygen.service
# What each boot of a guest can do without; `systemctl unmask` brings it back.
systemctl mask dev-hugepages.mount dev-mqueue.mount run-lock.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount systemd-journal-flush.service systemd-random-seed.service \
  systemd-networkd-persistent-storage.service systemd-remount-fs.service systemd-udev-load-credentials.service
# What asks for hardware that a guest has not, at each boot.
mkdir -p /etc/systemd/system-generators
for name in cryptsetup gpt-auto hibernate-resume rc-local ssh system-update tpm2 veritysetup; do
  [ -e "/usr/lib/systemd/system-generators/systemd-$name-generator" ] || continue
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"
done
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
