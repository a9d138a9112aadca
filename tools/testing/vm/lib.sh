# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Functions that the scripts of this folder share. Sourced, not run.

# A command that fails in $(...) ends it.
shopt -s inherit_errexit
# depmod and modprobe, which are not in a user's path
PATH=$PATH:/usr/sbin:/sbin

# shellcheck disable=SC2034 # for the scripts that source this
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

# apt ARGUMENTS...: apt-get as root, without questions and nearly silent. apt-get does not
# wait for the lock on the lists, and a fresh machine may be updating them: try again.
apt() {
	local end=$((SECONDS + 300))

	until only_one apt as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root "$@" > /dev/null; do
		[[ $1 = update && $SECONDS -lt $end ]] ||
			{ say "failed, as root: apt-get $*" && return 1; }
		sleep 10
	done
}

# only_one NAME COMMAND...: no two runs on this machine do COMMAND at once
only_one() {
	local name=$1

	shift
	(
		flock -n 9 || { say "waiting for another run: $name" && flock 9; }
		"$@"
	) 9> "$CACHE/.lock-$name"
}

# into_cache NAME COMMAND...: makes the folder NAME in the cache, if it is not there, by
# running COMMAND in it. The folder appears complete or not at all. If COMMAND is
# interrupted, the next one continues with its files.
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
	# These are for our modules, and would make a different kernel.
	(unset KBUILD_EXTRA_WARN KCFLAGS && cd "$CACHE/$name.partial" && "$@") || return
	mv "$CACHE/$name.partial" "$CACHE/$name"
}

make_huge_pages() {
	gcc -O2 -shared -fPIC -o huge_pages.so "$VM_DIR/huge_pages.c"
}

# compiling COMMAND...: for commands that start compilers; see huge_pages.c
compiling() {
	# Take another number when huge_pages.c changes.
	local name=huge-pages-1

	into_cache "$name" make_huge_pages
	LD_PRELOAD=$CACHE/$name/huge_pages.so "$@"
}

# modules_of KERNEL: the folder of a kernel's modules; KERNEL as for the script kernel
modules_of() {
	local root

	root=$("$VM_DIR/kernel" "$1") || return 1
	echo "$root"/lib/modules/*
}

# kernel_packages: Debian's packages that are installed and need the same version
kernel_packages() {
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' linux-headers-amd64 \
		linux-headers-rt-amd64 linux-source-6.1 2> /dev/null | sed -n 's/^installed //p'
}
