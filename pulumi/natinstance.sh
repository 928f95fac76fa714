#!/bin/bash
# Makes Amazon Linux 2023 forward what the private subnets send, under the instance's own address.
set -euo pipefail
# The address changes while this runs, when the fixed one is attached.
until dnf install -y nftables; do sleep 5; done
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-nat.conf
sysctl --system
cat >/etc/sysconfig/nftables.conf <<'EOF'
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname != "lo" masquerade
	}
}
EOF
systemctl enable --now nftables
