# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run.

# What fails in $(...) ends that.
shopt -s inherit_errexit
# depmod and modprobe, which are not in a user's path
PATH=$PATH:/usr/sbin:/sbin

# shellcheck disable=SC2034 # for those who source this
VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${VHOST_BACKEND_CACHE:-$HOME/.cache/vhost-backend}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd)

say() {
	echo "${0##*/}: $*" >&2
}

die() {
	say "$*"
	exit 1
}

as_root() {
	if [[ $EUID -eq 0 ]]; then
		"$@"
	else
		sudo -n env VHOST_BACKEND_CACHE="$CACHE" "$@"
	fi
}

# apt ARGUMENTS...: apt-get as root, without questions and with little to say. For the
# lock on the lists apt-get does not wait: a fresh machine may be updating them.
apt() {
	local end=$((SECONDS + 300))

	until only_one apt as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root "$@" > /dev/null; do
		[[ $1 = update && $SECONDS -lt $end ]] ||
			{ say "failed, as root: apt-get $*" && return 1; }
		sleep 10
	done
}

# only_one NAME COMMAND...: two runs of this machine never do COMMAND at once
only_one() {
	local name=$1

	shift
	(
		flock -n 9 || { say "waiting for another run: $name" && flock 9; }
		"$@"
	) 9> "$CACHE/.lock-$name"
}

# into_cache NAME COMMAND...: makes the folder NAME in the cache, if it is not
# there, by running COMMAND in it; it appears whole or not at all. What an
# interrupted COMMAND left is given to the next one to go on from.
into_cache() {
	local name=$1

	shift
	[[ -d $CACHE/$name ]] || only_one "$name" into_cache_locked "$name" "$@"
}

into_cache_locked() {
	local name=$1

	shift
	[[ ! -d $CACHE/$name ]] || return 0
	mkdir -p "$CACHE/$name.partial"
	# These are for modules of ours, and a kernel may come out of them otherwise.
	(unset KBUILD_EXTRA_WARN KCFLAGS && cd "$CACHE/$name.partial" && "$@") || return
	mv "$CACHE/$name.partial" "$CACHE/$name"
}

make_huge_pages() {
	gcc -O2 -shared -fPIC -o huge_pages.so "$VM_DIR/huge_pages.c"
}

# compiling COMMAND...: one that starts compilers; see huge_pages.c
compiling() {
	# Another number where huge_pages.c changes.
	local name=huge-pages-1

	into_cache "$name" make_huge_pages
	LD_PRELOAD=$CACHE/$name/huge_pages.so "$@"
}

# modules_of KERNEL: where the modules of a kernel are that "kernel" knows
modules_of() {
	local root

	root=$("$VM_DIR/kernel" "$1") || return 1
	echo "$root"/lib/modules/*
}

# kernel_packages: those of Debian's that are installed and have to be of one version
kernel_packages() {
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' linux-headers-amd64 \
		linux-headers-rt-amd64 linux-source-6.1 2> /dev/null | sed -n 's/^installed //p'
}
