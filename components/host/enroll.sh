#!/usr/bin/env bash
# First contact with a fresh machine: waits until cloud-init is done, makes the
# machine's own SSH host key and prints its public half. The key that came with
# the user data stays beside it until base.sh drops it, so this may be repeated.
set -euo pipefail

key=/etc/ssh/ssh_host_ed25519_key

# cloud-init may still be writing keys and reloading sshd; 2 means done with
# recoverable errors, which is none of our business here.
if command -v cloud-init >/dev/null 2>&1; then
	cloud-init status --wait >/dev/null 2>&1 || [ $? -eq 2 ] || {
		echo "enroll: cloud-init failed; see /var/log/cloud-init-output.log on the machine" >&2
		exit 1
	}
fi
if [ ! -s "$key" ]; then
	rm -f "$key" "$key.pub"
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$key" </dev/null
	systemctl reload ssh.service </dev/null >/dev/null 2>&1 || systemctl reload sshd.service </dev/null
fi
cut -d' ' -f1,2 "$key.pub"
