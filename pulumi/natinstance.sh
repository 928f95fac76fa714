#!/bin/bash
# Makes Amazon Linux 2023 forward what the private subnets send, under the instance's own address.
set -euo pipefail
# Package mirrors and the way to them have bad moments.
until dnf install -y nftables; do sleep 5; done
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-nat.conf
# This file alone: no other key that the machine does not know may end this script.
sysctl --load /etc/sysctl.d/90-nat.conf
cat >/etc/sysconfig/nftables.conf <<'EOF'
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname != "lo" masquerade
	}
}
EOF
systemctl enable --now nftables
