# SPDX-License-Identifier: GPL-2.0-only
#
# The vhost backend channel. "make help" lists the targets.

top	:= $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VM	:= $(top)/tools/testing/vm

# Where the kernel's headers are: those of the running kernel, else the newest
# of Debian's that are installed.
KDIR	?= $(or $(wildcard /lib/modules/$(shell uname -r)/build),$(newest_headers))
# A folder in here for each kernel
BUILD	?= $(top)/build
override BUILD := $(abspath $(BUILD))
PREFIX	?= /usr
# A folder with the kernel's own vhost.h, without which there is no vhost_shmem.ko
VHOST_SOURCE ?= $(if $(release),$(shell $(VM)/vhost-header $(KDIR)))

newest_headers = $(lastword $(shell printf '%s\n' $(plain_headers) | sort -V))
plain_headers = $(filter-out %-rt-amd64 %-cloud-amd64,$(wildcard /usr/src/linux-headers-*-amd64))

# As uname -r prints it; Debian's include/config/kernel.release differs.
release	= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h \
		2>/dev/null)
tree	= $(BUILD)/$(release)

.PHONY: all modules tools selftests
.PHONY: install install-modules install-headers install-tools uninstall
.PHONY: demo bench bench-update check check-all check-debug check-kcsan coverage fuzz mutants
.PHONY: check-matrix vm setup clean help

##@ Build
all: modules tools ## modules and tools (default)

# The sources are linked into the build folder, so that kernels do not share
# objects and the source tree stays clean.
modules: ## vhost_backend.ko, vhost_shmem.ko, and the test worker, in build/RELEASE, for KDIR=...
	@test -n "$(release)" || { \
		echo "No kernel headers in KDIR=$(KDIR): apt-get install linux-headers-amd64," \
		     "or make KDIR=/path/to/headers" >&2; exit 1; }
	@mkdir -p $(tree)
	@cp -rsf $(top)/Kbuild $(top)/drivers $(top)/include $(tree)/
	@find $(tree) -xtype l -delete
	$(MAKE) -C $(KDIR) M=$(tree) VHOST_SOURCE=$(VHOST_SOURCE) modules

tools: ## the vhost-backend command, the demonstration, the benchmark
	$(MAKE) -C $(top)/tools/vhost-backend
	$(MAKE) -C $(top)/tools/demo
	$(MAKE) -C $(top)/tools/bench

selftests: ## the selftests as static programs, in build/selftests and build/selftests-32
	$(MAKE) -C $(top)/tools/testing/selftests/vhost_backend \
		OUTPUT=$(BUILD)/selftests KSELFTEST=$$($(VM)/kernel kselftest)

##@ Try and test, in a guest: nothing is loaded into this machine
demo: ## show a frontend and the kernel's workers at work
	$(VM)/setup build vm
	$(MAKE) -C $(top)/tools/demo
	$(VM)/guest $(top)/tools/demo/vhost-backend-demo

bench: ## what messages cost, in instructions; fails where one costs more than before
	$(VM)/setup build vm
	$(MAKE) -C $(top)/tools/bench
	$(top)/tools/bench/run

bench-update: ## likewise, and keep these figures for later comparisons: commit them
	$(VM)/setup build vm
	$(MAKE) -C $(top)/tools/bench
	$(top)/tools/bench/run -u

check: ## linters, and the selftests on Debian's kernel: ten minutes on two cores
	$(VM)/check lint harness stock

check-all: ## all checks, on all kernels, and an hour of fuzzing: three hours on two cores
	$(VM)/check lint analysis harness stock stock32 debug kcsan matrix
	$(MAKE) fuzz

check-debug: ## the selftests and KUnit on a kernel with KASAN, lockdep, kmemleak; their coverage
	$(VM)/check debug

check-kcsan: ## the selftests on a kernel that looks for data races: builds it once
	$(VM)/check kcsan

coverage: ## of check-debug, the selftests, and what of the modules they reach: build/coverage/html
	$(VM)/check coverage

fuzz: ## random calls of all kinds, for TIME=3600 seconds, on the debug kernel; prints findings
	$(VM)/setup build vm debug
	$(VM)/fuzz -t $(or $(TIME),3600)

mutants: ## break one guarantee at a time, and expect a test to notice; an hour; NAMES=... for some
	$(VM)/mutants $(NAMES)

check-matrix: ## arm64 and riscv64, the selftests on newer kernels and PREEMPT_RT: fetches them once, 1 GB
	$(VM)/check matrix

vm: tools ## a shell in a guest with modules, tools and selftests; KERNEL=debug, 6.12, 7
	$(VM)/setup build vm
	$(MAKE) selftests
	$(VM)/guest -i -f $(top)/tools/vhost-backend/vhost-backend \
		-f $(top)/tools/demo/vhost-backend-demo -D $(BUILD)/selftests:/test/selftests

##@ Install; DESTDIR, PREFIX and INSTALL_MOD_PATH are honoured
install: install-modules install-headers install-tools ## all of the following

# Kbuild compresses modules as the kernel is configured, and signs them if there is a key.
# The test worker is left out.
install-modules: modules ## vhost_backend.ko, and vhost_shmem.ko if it was built, for the kernel of KDIR
	rm -rf $(tree)/install
	$(MAKE) -C $(KDIR) M=$(tree) INSTALL_MOD_PATH=$(tree)/install DEPMOD=true \
		$(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) modules_install
	install -d $(module_dir)
	find $(tree)/install '(' -name 'vhost_backend.ko*' -o -name 'vhost_shmem.ko*' ')' -exec install -m 644 -t $(module_dir) {} +
	rm -rf $(tree)/install
	$(depmod)

# A package runs depmod when it is installed.
depmod = $(if $(DESTDIR),,depmod $(addprefix -b ,$(INSTALL_MOD_PATH)) $(release))
module_dir = $(DESTDIR)$(INSTALL_MOD_PATH)/lib/modules/$(release)/updates

install-headers: ## linux/vhost_backend.h and linux/vhost_shmem.h, for programs
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/linux \
		$(top)/include/uapi/linux/vhost_backend.h $(top)/include/uapi/linux/vhost_shmem.h

install-tools: tools ## vhost-backend, its manual page, and a udev rule for /dev/vhost-backend
	$(MAKE) -C $(top)/tools/vhost-backend install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)
	install -D -m 644 -t $(DESTDIR)/usr/lib/udev/rules.d $(top)/tools/udev/60-vhost-backend.rules

uninstall: ## remove what install installed
	rm -f $(module_dir)/vhost_backend.ko* $(module_dir)/vhost_shmem.ko*
	rm -f $(DESTDIR)$(PREFIX)/include/linux/vhost_backend.h
	rm -f $(DESTDIR)$(PREFIX)/include/linux/vhost_shmem.h
	rm -f $(DESTDIR)$(PREFIX)/bin/vhost-backend
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/vhost-backend.1
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vhost-backend
	rm -f $(DESTDIR)/usr/lib/udev/rules.d/60-vhost-backend.rules
	$(depmod)

##@ More
setup: ## install the Debian packages that any target needs
	$(VM)/setup build vm check debug coverage fuzz matrix cross

clean: ## remove all that was built; the kernels in the cache stay
	rm -rf $(BUILD)
	$(MAKE) -C $(top)/tools/vhost-backend clean
	$(MAKE) -C $(top)/tools/demo clean
	$(MAKE) -C $(top)/tools/bench clean

help: ## this list
	@awk -F ':.*## ' \
		'/^##@/ { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' \
		$(top)/Makefile
