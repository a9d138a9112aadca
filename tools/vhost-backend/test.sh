#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2317 # functions that others call
#
# Tests the vhost-backend command: test.sh [FOLDER]
# FOLDER, by default that of this script, has vhost-backend and test_helper. If there is a
# /dev/vhost-backend, as in a guest, the commands that need it are tested too.

folder=${1:-$(dirname "$0")}
tool=$folder/vhost-backend
helper=$folder/test_helper
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0
status=0

verdict() {
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
		sed 's/^/# /' "$tmp/out"
	fi
}

# run WANTED_STATUS WANTED_REGEX ARGUMENTS...
run() {
	wanted=$1 regex=$2
	shift 2
	"$tool" "$@" > "$tmp/out" 2>&1
	status=$?
	[ "$status" -eq "$wanted" ] && grep -Eq -- "$regex" "$tmp/out"
	verdict $? "vhost-backend $* (status $status)"
}

# try NAME COMMAND...
try() {
	name=$1
	shift
	"$@"
	verdict $? "$name"
}

# lines N REGEX: N lines of the last output match
lines() {
	[ "$(grep -Ec -- "$2" "$tmp/out")" -eq "$1" ]
}

# until_true COMMAND...: tries for 5 seconds
until_true() {
	n=50
	until "$@"; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.1
	done
}

### without the module

run 0 'Commands:' --help
run 0 '^vhost-backend [0-9.]+ \(API version 1\)' --version
run 2 'Usage:'
run 2 'no command is called "nonsense"' nonsense
for command in monitor send stat; do
	run 0 'Usage: vhost-backend' "$command" --help
	run 2 'unrecognized option' "$command" --nonsense
done
run 0 '^  shmem-map \[file\] \[always answered\]' send --help
run 0 'flags=R\|RW shmid=N shm_offset=N fd_offset=N len=N' send --help
run 2 'no request is called "shmem"' send shmem
run 2 'SHMEM_MAP has no field "length"' send shmem-map length=1
run 2 'shmid: at most 255' send shmem-map shmid=256
run 2 'is not FIELD=VALUE' send shmem-map len
run 2 'process, softirq or hardirq' send vring-call --context nmi
run 2 'from 1 to 4294967295' send vring-call --timeout 0
run 2 'neither a number nor the name of an error' send shmem-map --reply EVERYTHING
run 2 'nobody would send' monitor
run 2 'need --run MIX' monitor --worker --rate 10
run 2 'no mix is called "nonsense"' monitor --run call,nonsense
run 2 'no request is called "nonsense"' monitor --accept vring-call,nonsense
run 2 'from 4096 to 16777216' monitor --worker --ring-bytes 1000
run 2 'is not FD or PID/FD' stat --channel x
run 2 'is not FD or PID/FD' stat --channel 0/5
run 2 'expected a number of seconds' stat --watch never
run 1 'not open: inherit one' stat --channel 77
run 1 'not a channel' stat --channel 1
run 1 'there is no such process' stat --channel 2147483647/1

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

if [ ! -e /dev/vhost-backend ]; then
	run 3 'modprobe vhost_backend' send vring-call
	run 0 'PID' stat
	skipped=1
	echo 'ok - channels # SKIP no /dev/vhost-backend'
	finish
fi

### send

for request in iotlb config-change vring-host-notifier vring-call vring-err \
	shared-object-add shared-object-remove shmem-map shmem-unmap fs-map \
	fs-unmap fs-sync fs-io gpu-map external-map; do
	run 0 '^worker: 0 \((success|sent)\)' send "$request"
done
run 0 'CONFIG_CHANGE_MSG$' send VHOST_USER_BACKEND_CONFIG_CHANGE_MSG
run 0 'VRING_CALL index=7 num=0$' send vring-call index=7 --context hardirq
run 0 'VRING_ERR id=.* need-reply$' send vring-err --need-reply --context softirq
run 0 '^worker: 0 \(success\)' send vring-err --need-reply --context softirq
run 0 '"name":"SHMEM_MAP",.*"len":8192,"file":\{"path":"/' \
	send shmem-map len=8k --json
run 0 '^\{"result":\{"error":0,"value":0\}\}' send shmem-map len=8k --json
run 0 'STD_SHMEM_MAP .*len=0x1000 flags=RW .*need-reply$' \
	send shmem-map flags=rw --std-shmem
run 4 '^worker: -28 \(No space left on device\)' send shmem-map --reply ENOSPC
run 4 '^worker: -121 ' send shmem-unmap --reply 1
run 0 '^worker: 0 \(success\), value 100' send fs-io --reply 100 --async
echo twelve bytes > "$tmp/file"
run 0 "file=$tmp/file \(13 bytes\)" send shmem-map --file "$tmp/file"
run 0 "file $tmp/file \(13 bytes\)" send shared-object-lookup --reply-file "$tmp/file"
run 0 "\"file\":\{\"path\":\"$tmp/file\",\"bytes\":13\}" \
	send shared-object-lookup --reply-file "$tmp/file" --json
run 4 '^worker: -2 ' send shared-object-lookup
run 4 '^worker: -22 ' send shmem-map --no-file
run 4 '^worker: -22 ' send shmem-map --no-reply
run 4 '^worker: -22 ' send shmem-map len=0
run 4 '^worker: -95 ' send std-shmem-map
run 4 '^worker: -34 ' send vring-call index=4 --vrings 4
run 1 'No such file' send shmem-map --file "$tmp/none"

### monitor

run 0 'messages/s$' monitor --run send --run-count 20 --count 5
try 'stops after --count messages' lines 5 ' IOTLB_MSG '
run 0 '^requests_failed +0$' monitor --run all --threads 2 --run-count 300 --seconds 2 --quiet
try 'prints no messages with --quiet' lines 0 'need-reply'
run 0 '"summary":\{.*"worker":\{.*"failed":0,' \
	monitor --run request --run-count 10 --seconds 1 --json
try 'one JSON object for each message' lines 10 '"name":"SHMEM_UNMAP"'
run 0 '^refused_type +[1-9]' monitor --run request --run-count 10 --seconds 1 \
	--accept vring-call
run 1 'a power of two' monitor --worker --ring-bytes 5000
run 1 'needs shmem-unmap' monitor --worker --accept shmem-map

# with_eventfd WANTED_STATUS WANTED_REGEX ARGUMENTS...: descriptor 9 is an eventfd
with_eventfd() {
	wanted=$1 regex=$2
	shift 2
	"$helper" eventfd "$tool" "$@" > "$tmp/out" 2>&1
	status=$?
	[ "$status" -eq "$wanted" ] && grep -Eq -- "$regex" "$tmp/out"
	verdict $? "with an eventfd: vhost-backend $* (status $status)"
}

with_eventfd 0 'VRING_CALL index=3 num=0' monitor --bind vring-call:3=9 --count 4
with_eventfd 0 'VRING_ERR index=0 num=0' monitor --bind vring-err:0=9 --count 1
with_eventfd 0 'CONFIG_CHANGE_MSG' monitor --bind config=9,peek --count 1
with_eventfd 1 'bound already' monitor --bind vring-call:0=9 --bind vring-err:0=9
with_eventfd 1 'raise --vrings' monitor --bind vring-call:5=9 --vrings 5
with_eventfd 1 'does not --accept' monitor --bind vring-call:5=9 --accept vring-err
run 1 'not an eventfd' monitor --bind vring-call:0=1
run 2 'SOURCE\[:INDEX\]' monitor --bind vring-call:0
run 2 'is not vring-call' monitor --bind kick:0=1
run 1 'not open' monitor --bind vring-call:0=99

"$helper" net "$tool" monitor --bind iotlb:513=9 --bind vring-call:1=10 --count 1 > "$tmp/out" 2>&1
try 'a vhost device that misses a translation' \
	lines 1 ' IOTLB_MSG iova=.* perm=RO type=MISS source=513$'
run 1 'not a vhost device with O_NONBLOCK' monitor --bind iotlb=0
run 1 'an index over 65535' monitor --bind iotlb:65536=0

"$helper" eventfd > "$tmp/sums" &
owner=$!
until_true [ -s "$tmp/sums" ]
run 0 'VRING_CALL index=1 num=0' monitor --bind "vring-call:1=$owner/9" --count 3
run 0 'VRING_CALL index=1 num=0' monitor --bind "vring-call:1=$owner/9,peek" --count 3
sum=$(tail -n 1 "$tmp/sums")
more() {
	[ "$(tail -n 1 "$tmp/sums")" -gt "$sum" ]
}
try 'the owner reads its eventfd again' until_true more
run 1 'no such descriptor' monitor --bind "vring-call:1=$owner/77"
kill "$owner"
wait "$owner" 2> /dev/null

### a channel of another process

"$tool" monitor --worker --reply ENOSPC > "$tmp/monitor" 2>&1 &
owner=$!
listed() {
	"$tool" stat > "$tmp/out" && grep -q "^ *$owner " "$tmp/out"
}
try 'stat lists the channel' until_true listed
grep -E "^ *$owner +[0-9]+ vhost-backend .* vhost-backend vrings 0-255$" "$tmp/out" > /dev/null
verdict $? 'with its backend'
fd=$(awk -v pid="$owner" '$1 == pid { print $2 }' "$tmp/out")
run 0 "\"pid\":$owner,\"fd\":$fd,\"comm\":\"vhost-backend\",.*\"backends\":1," stat --json
run 4 '^worker: -28 ' send shmem-unmap --channel "$owner/$fd"
run 0 '^worker: 0 \(sent\)' send config-change --channel "$owner/$fd"
run 1 'choose others' send vring-call --channel "$owner/$fd" --vrings 1
run 0 '^requests_answered +1$' stat --channel "$owner/$fd"
run 0 '^\{"requests_queued":1,' stat --channel "$owner/$fd" --json
timeout 3 "$tool" stat --channel "$owner/$fd" --watch 0.2 > "$tmp/out"
try 'stat --watch goes on' test "$(grep -c '^requests_queued' "$tmp/out")" -ge 3
kill -STOP "$owner"
run 4 '^worker: -110 ' send shmem-unmap --channel "$owner/$fd" --timeout 200
kill -CONT "$owner"
kill -INT "$owner"
wait "$owner"
status=$?
cp "$tmp/monitor" "$tmp/out"
try 'an interrupted monitor ends well' test "$status" -eq 0
try 'and prints its summary' lines 1 '^requests_given_up +1$'
try 'with what it was sent' lines 1 '^ +[0-9]+\.[0-9]+ CONFIG_CHANGE_MSG$'

### without permission

if [ "$(id -u)" -eq 0 ] && mkdir -p /etc && [ ! -e /etc/group ]; then
	echo 'kvm:x:104:' > /etc/group
	chmod 755 "$tmp"
	mode=$(stat -c %a /dev/vhost-backend)
	chmod 600 /dev/vhost-backend
	"$helper" nobody "$tool" send vring-call > "$tmp/out" 2>&1
	status=$?
	try 'without permission the status is 3' test "$status" -eq 3
	try 'and the remedy the udev rule' lines 1 'udev rule'
	chgrp 104 /dev/vhost-backend
	chmod 660 /dev/vhost-backend
	"$helper" nobody "$tool" send vring-call > "$tmp/out" 2>&1
	try 'or a group' lines 1 'group kvm \(104\) may'
	chgrp 0 /dev/vhost-backend
	chmod "$mode" /dev/vhost-backend
else
	skipped=$((skipped + 1))
	echo 'ok - without permission # SKIP not root, or no throw-away guest'
fi

finish
