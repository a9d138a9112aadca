/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_STATS_H
#define VHOST_BACKEND_STATS_H

#include <linux/percpu.h>
#include <uapi/linux/vhost_backend.h>

/*
 * What happens is counted per CPU, in the struct of the user ABI: no counter is
 * shared by two workers. What there is now is filled in when somebody asks.
 */
#define vhost_backend_count(counters, name)	this_cpu_inc((counters)->name)

#endif /* VHOST_BACKEND_STATS_H */
