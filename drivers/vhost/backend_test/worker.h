/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_TEST_WORKER_H
#define VHOST_BACKEND_TEST_WORKER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vhost_backend.h>
#include <uapi/linux/vhost_backend_test.h>

struct test_hook;
struct test_load;

/* One open file of the test device, which is one backend. */
struct test_worker {
	/* Held for reading to use @be, for writing to change any of these. */
	struct rw_semaphore attachment;
	struct vhost_backend *be;		/* NULL: not attached */
	u32 nr_vrings;
	struct test_load *load;			/* NULL: never started, or stopped */
	struct vhost_backend_test_run last_run;	/* report of the load that was stopped */
	struct file *own_file;
	struct test_hook *hook;			/* NULL: no eventfd is hooked */

	spinlock_t lock;			/* protects the next two */
	struct list_head requests;		/* asynchronous requests, for RESULT */
	u64 last_cookie;

	atomic_t resets;
	atomic_t gones;
	atomic_t lates;				/* done() that returned after gone() */
	atomic64_t ends;			/* asynchronous requests that have ended */
};

long test_send_message(struct test_worker *worker, void __user *argp);
long test_send_result(struct test_worker *worker, void __user *argp);
void test_send_forget(struct test_worker *worker);

struct test_load *test_load_start(struct vhost_backend *be, u32 nr_vrings,
				  struct file *own_file,
				  const struct vhost_backend_test_run *run);
void test_load_report(struct test_load *load, struct vhost_backend_test_run *run);
int test_load_finish(struct test_load *load);
void test_load_join(struct test_load *load);
void test_load_free(struct test_load *load);

int test_typed_call(struct vhost_backend *be, const struct vhost_backend_req *req,
		    u64 *value);

void test_fault_spoil(void *data, size_t bytes);

struct test_hook *test_hook_create(int fd);
u64 test_hook_count(const struct test_hook *hook);
void test_hook_free(struct test_hook *hook);
int test_hook_signal(int fd, u32 count, u64 *ns);

long test_measure(struct test_worker *worker, void __user *argp);

#endif /* VHOST_BACKEND_TEST_WORKER_H */
