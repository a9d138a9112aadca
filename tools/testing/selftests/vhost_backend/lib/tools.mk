# SPDX-License-Identifier: GPL-2.0-only
# For the Makefiles of programs that use this library: $(testlib), an archive in $(O).

testlib_sources := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
testlib := $(O)/testlib.a

$(testlib): $(patsubst $(testlib_sources)/%.c,$(O)/testlib/%.o,$(wildcard $(testlib_sources)/*.c))
	$(AR) rcsD $@ $^

$(O)/testlib/%.o: $(testlib_sources)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/testlib/*.d)
