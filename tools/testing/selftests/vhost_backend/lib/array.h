/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_LIB_ARRAY_H
#define VHOST_BACKEND_LIB_ARRAY_H

/* As kselftest_harness.h has it */
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#endif /* VHOST_BACKEND_LIB_ARRAY_H */
