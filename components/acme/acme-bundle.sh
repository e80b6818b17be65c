# shellcheck shell=bash
# Part of acme.sh: what a certificate must be, and how it comes into place.

# shellcheck disable=SC2154 # prelude.sh's
ingress=$root/var/lib/skep/ingress
certs=$ingress/certs
dynamic=$ingress/dynamic
: "${work=}"
# The group that Traefik runs as. base-ingress.sh makes the folders.
reader=20080

# look FILE reads a certificate: begin and end of its life in seconds, its names
# between commas, and its public key.
look() {
	local said
	begin=0 end=0 have='' public=''
	said=$(openssl x509 -in "$1" -noout -startdate -enddate -ext subjectAltName -pubkey 2>/dev/null) || return 1
	begin=$(date -d "$(sed -n 's/^notBefore=//p' <<<"$said")" +%s)
	end=$(date -d "$(sed -n 's/^notAfter=//p' <<<"$said")" +%s)
	have=$(grep 'DNS:' <<<"$said" | tr -d ' ' | sed 's/DNS://g'),
	public=$(sed -n '/BEGIN PUBLIC/,/END PUBLIC/p' <<<"$said")
}

# sound CHAIN KEY says whether a certificate may come into place, and in $unsound
# why not.
sound() {
	local name
	unsound=''
	if ! look "$1"; then
		unsound="it is none that can be read"
	elif [ "$public" != "$(openssl pkey -in "$2" -pubout 2>/dev/null)" ]; then
		unsound="its key is another's"
	elif [ "$end" -le "$(date +%s)" ]; then
		unsound="it expired at $(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ)"
	elif ! chained "$1"; then
		unsound="its chain does not sign it"
	else
		for name in $(wanted); do
			[[ ",$have" == *",$name,"* ]] || unsound="it is not for $name"
		done
	fi
	[ -z "$unsound" ]
}

wanted() { setting names | tr , ' '; }

# chained: the second certificate must have signed the first. Authorities whose
# root signs alone send one.
chained() {
	local rest
	rest=$(awk '/BEGIN CERTIFICATE/{n++} n > 1' "$1")
	[ -n "$rest" ] || return 0
	openssl verify -no_check_time -partial_chain -trusted <(printf '%s\n' "$rest") "$1" >/dev/null 2>&1
}

# lasting STEM says whether a bundle is sound and not due yet: with more than 30
# days to go, or where its life is short, a third of it.
lasting() {
	local due
	[ -e "$1.crt" ] && sound "$1.crt" "$1.key" || return 1
	due=$(((end - begin) / 3))
	[ "$due" -le 2592000 ] || due=2592000
	[ $((end - $(date +%s))) -gt "$due" ]
}

# apart FILE STEM makes STEM.crt and STEM.key of a bundle.
apart() {
	awk -v crt="$2.crt" -v key="$2.key" '
		/^-----BEGIN /{out = /CERTIFICATE/ ? crt : key} out {print >out} /^-----END /{out = ""}' "$1"
}

# current crt|key is the file that Traefik is told of.
current() { sed -n "s|.*/certs/\(acme-[0-9a-f]*\.$1\)\$|$certs/\1|p" "$dynamic/acme.yaml"; }

installed() { [ -e "$dynamic/acme.yaml" ] && [ -s "$(current crt)" ] && [ -s "$(current key)" ]; }

# put_in_place gives Traefik the bundle of $work/now. One that is not sound changes
# nothing: what is in place stays.
put_in_place() {
	local digest file
	if [ ! -e "$work/now.crt" ]; then
		[ -n "$why" ] || why="the swarm holds no certificate for $(setting names)"
		return 0
	fi
	if ! sound "$work/now.crt" "$work/now.key"; then
		why=${why:-"the certificate that the swarm holds was refused: $unsound"}
		return 0
	fi
	digest=$(cat "$work/now.crt" "$work/now.key" | sha256sum | cut -c1-10)
	# Traefik looks again whenever anything in its folders changes.
	if installed && cmp -s "$work/now.crt" "$(current crt)" && cmp -s "$work/now.key" "$(current key)"; then return 0; fi
	# A new name for new content, by which Traefik knows that it changed.
	install_file 640 "$certs/acme-$digest.key" <"$work/now.key" >/dev/null
	chgrp "$reader" "$certs/acme-$digest.key"
	install_file 644 "$certs/acme-$digest.crt" <"$work/now.crt" >/dev/null
	certificates_text "$digest" | install_file 644 "$dynamic/acme.yaml" >/dev/null
	for file in "$certs"/acme-*; do
		[[ $file == "$certs/acme-$digest".* ]] || rm -f "$file"
	done
}

certificates_text() {
	cat <<-END
		# Made by Skep.
		tls:
		  certificates:
		    - certFile: /etc/traefik/certs/acme-$1.crt
		      keyFile: /etc/traefik/certs/acme-$1.key
	END
}
