// SPDX-License-Identifier: GPL-2.0-only
/*
 * The load of the test worker: kernel threads that send a mix of messages. They
 * allocate nothing while they run, so that a test sees any allocation of the channel.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../backend/compat.h"
#include "worker.h"

#define MAX_THREADS	32
#define ASYNC_REQUESTS	64

struct load_thread;

/* An asynchronous request of a thread. */
struct load_request {
	struct vhost_backend_completion completion;
	struct load_thread *thread;
	ktime_t sent;
	unsigned long busy;		/* bit 0: from sending to async_done() */
};

struct load_thread {
	struct test_load *load;
	struct task_struct *task;
	struct rnd_state random;
	u32 number;
	u64 sequence;			/* number of the last message without reply */
	u64 requests_sequence;		/* number of the last request */
	bool finished;
	struct vhost_backend_test_run result;	/* under @load->lock */
	struct load_request requests[ASYNC_REQUESTS];
};

struct test_load {
	struct vhost_backend *be;
	struct file *own_file;
	struct vhost_backend_test_run run;
	spinlock_t lock;		/* protects the threads' results */
	wait_queue_head_t wait;		/* woken when a request or a thread ends */
	vhost_backend_kcov_handle kcov_handle;		/* of the task that started it */
	bool stop;
	u32 nr_vrings;
	u32 nr_threads;
	struct load_thread threads[];
};

static unsigned long load_timeout(const struct test_load *load)
{
	return msecs_to_jiffies(load->run.timeout_ms);
}

static bool should_stop(const struct load_thread *thread)
{
	return READ_ONCE(thread->load->stop);
}

static bool is_final(int err)
{
	return err == -ESHUTDOWN || err == -ENOTCONN;
}

/* Counts a message that was sent in *@count, or as refused. */
static int note_sent(struct load_thread *thread, u64 *count, int err)
{
	unsigned long flags;

	spin_lock_irqsave(&thread->load->lock, flags);
	if (err) {
		thread->result.refused++;
		thread->result.last_error = err;
	} else {
		(*count)++;
	}
	spin_unlock_irqrestore(&thread->load->lock, flags);
	return err;
}

/* Counts a request that was queued and has ended. The caller holds the lock. */
static void note_end(struct load_thread *thread, int err, ktime_t sent)
{
	struct vhost_backend_test_run *result = &thread->result;
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), sent));

	result->requests++;
	if (err) {
		result->failed++;
		result->last_error = err;
	} else {
		result->answered++;
		result->latency_sum_ns += ns;
		result->latency_max_ns = max(result->latency_max_ns, ns);
	}
}

/* If the backend has no vrings, the call is refused, and that is counted. */
static u32 random_vring(struct load_thread *thread)
{
	return prandom_u32_state(&thread->random) % max(thread->load->nr_vrings, 1U);
}

static int send_call(struct load_thread *thread)
{
	return note_sent(thread, &thread->result.calls,
			 vhost_backend_vring_call(thread->load->be, random_vring(thread)));
}

static int send_err(struct load_thread *thread)
{
	return note_sent(thread, &thread->result.errs,
			 vhost_backend_vring_err(thread->load->be, random_vring(thread)));
}

static int send_config(struct load_thread *thread)
{
	return note_sent(thread, &thread->result.configs,
			 vhost_backend_config_change(thread->load->be));
}

static int try_send(struct load_thread *thread)
{
	const struct vhost_backend_iotlb iotlb = {
		.iova = thread->number,
		.uaddr = thread->sequence + 1,
		.type = 1,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_IOTLB_MSG,
		.size = sizeof(iotlb),
		.payload = &iotlb,
	};
	int err = vhost_backend_send(thread->load->be, &req);

	if (!err)
		thread->sequence++;
	return err;
}

static int send_plain(struct load_thread *thread)
{
	return note_sent(thread, &thread->result.sends, try_send(thread));
}

static int send_plain_wait(struct load_thread *thread)
{
	int err;

	while ((err = try_send(thread)) == -EAGAIN && !should_stop(thread)) {
		err = vhost_backend_wait_room(thread->load->be,
					      load_timeout(thread->load));
		if (err)
			break;
	}
	return note_sent(thread, &thread->result.sends, err);
}

static u64 next_offset(struct load_thread *thread)
{
	return ((u64)thread->number << 32 | ++thread->requests_sequence) * 4096;
}

/*
 * vhost_backend_request() does not say whether it waited for room or for the reply
 * when it timed out. Both are counted as requests that failed.
 */
static int send_request(struct load_thread *thread,
			const struct vhost_backend_req *req)
{
	ktime_t sent = ktime_get();
	int err = vhost_backend_request(thread->load->be, req,
					load_timeout(thread->load), NULL);

	if (is_final(err) || err == -EOPNOTSUPP)
		return note_sent(thread, NULL, err);
	spin_lock_irq(&thread->load->lock);
	note_end(thread, err, sent);
	spin_unlock_irq(&thread->load->lock);
	return err;
}

static int send_unmap(struct load_thread *thread)
{
	const struct vhost_backend_shmem_unmap unmap = {
		.shm_offset = next_offset(thread),
		.len = 4096,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHMEM_UNMAP,
		.size = sizeof(unmap),
		.payload = &unmap,
	};

	return send_request(thread, &req);
}

static int send_map(struct load_thread *thread)
{
	const struct vhost_backend_shmem_map map = {
		.flags = VHOST_BACKEND_MAP_R,
		.shm_offset = next_offset(thread),
		.len = 4096,
	};
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHMEM_MAP,
		.size = sizeof(map),
		.payload = &map,
		.file = thread->load->own_file,
	};

	return send_request(thread, &req);
}

static void async_done(struct vhost_backend_completion *completion, int error,
		       u64 value, struct file *file)
{
	struct load_request *request =
		container_of(completion, struct load_request, completion);
	struct load_thread *thread = request->thread;
	struct test_load *load = thread->load;
	unsigned long flags;

	/* As soon as the lock is released, test_load_join() may let the load be freed. */
	spin_lock_irqsave(&load->lock, flags);
	note_end(thread, error, request->sent);
	clear_bit_unlock(0, &request->busy);
	wake_up(&load->wait);
	spin_unlock_irqrestore(&load->lock, flags);
}

static struct load_request *take_request(struct load_thread *thread)
{
	int i;

	for (i = 0; i < ASYNC_REQUESTS; i++)
		if (!test_and_set_bit_lock(0, &thread->requests[i].busy))
			return &thread->requests[i];
	return NULL;
}

static bool all_requests_ended(struct load_thread *thread)
{
	int i;

	for (i = 0; i < ASYNC_REQUESTS; i++)
		if (test_bit(0, &thread->requests[i].busy))
			return false;
	return true;
}

static int send_async(struct load_thread *thread)
{
	struct vhost_backend_shmem_unmap unmap = { .len = 4096 };
	const struct vhost_backend_req req = {
		.request = VHOST_BACKEND_SHMEM_UNMAP,
		.size = sizeof(unmap),
		.payload = &unmap,
	};
	struct load_request *request;
	int err;

	wait_event(thread->load->wait, (request = take_request(thread)));
	unmap.shm_offset = next_offset(thread);
	request->completion.done = async_done;
	request->completion.timeout = load_timeout(thread->load);
	request->thread = thread;
	request->sent = ktime_get();
	err = vhost_backend_request_async(thread->load->be, &req, &request->completion);
	if (err) {
		thread->requests_sequence--;
		clear_bit_unlock(0, &request->busy);
		note_sent(thread, NULL, err);
	}
	return err;
}

/* Indexed by the bits of vhost_backend_test_run.mix. */
static int (*const senders[])(struct load_thread *thread) = {
	send_call, send_err, send_config, send_plain, send_plain_wait,
	send_unmap, send_map, send_async,
};

static u32 random_sender(struct load_thread *thread)
{
	u32 skip = prandom_u32_state(&thread->random) % hweight32(thread->load->run.mix);
	unsigned long mix = thread->load->run.mix;

	while (skip--)
		mix &= mix - 1;
	return __ffs(mix);
}

/* Sleeps until message @sent is due. */
static void keep_rate(const struct test_load *load, ktime_t start, u64 sent)
{
	s64 ahead;

	if (!load->run.rate)
		return;
	ahead = div_u64(sent * USEC_PER_SEC, load->run.rate) -
		ktime_us_delta(ktime_get(), start);
	if (ahead > 0)
		usleep_range(ahead, ahead + 50);
}

static int load_main(void *data)
{
	struct load_thread *thread = data;
	struct test_load *load = thread->load;
	ktime_t start = ktime_get();
	u64 sent = 0;
	int err;

	while (!should_stop(thread) && (!load->run.count || sent < load->run.count)) {
		kcov_remote_start_common(load->kcov_handle);
		err = senders[random_sender(thread)](thread);
		kcov_remote_stop();
		if (is_final(err))
			break;
		keep_rate(load, start, ++sent);
		cond_resched();
	}
	wait_event(load->wait, all_requests_ended(thread));
	/* As soon as the lock is released, the load may be freed. */
	spin_lock_irq(&load->lock);
	thread->finished = true;
	wake_up(&load->wait);
	spin_unlock_irq(&load->lock);
	return 0;
}

static int create_thread(struct load_thread *thread)
{
	struct task_struct *task = kthread_create(load_main, thread, "vhost-backend-t");

	if (IS_ERR(task))
		return PTR_ERR(task);
	thread->task = get_task_struct(task);
	return 0;
}

/**
 * test_load_start() - start the threads of a load
 * @be: the backend that they send as; must outlive the load
 * @nr_vrings: number of vrings of @be
 * @own_file: the file that they attach to SHMEM_MAP; must outlive the load
 * @run: how many threads, and what they send
 *
 * Return: the load or an ERR_PTR().
 */
struct test_load *test_load_start(struct vhost_backend *be, u32 nr_vrings,
				  struct file *own_file,
				  const struct vhost_backend_test_run *run)
{
	struct test_load *load;
	u32 i;
	int err;

	if (!run->threads || run->threads > MAX_THREADS || !run->mix ||
	    run->mix >= 1 << ARRAY_SIZE(senders) || run->reserved)
		return ERR_PTR(-EINVAL);
	load = kvzalloc(struct_size(load, threads, run->threads), GFP_KERNEL_ACCOUNT);
	if (!load)
		return ERR_PTR(-ENOMEM);
	load->be = be;
	load->nr_vrings = nr_vrings;
	load->own_file = own_file;
	load->run = (struct vhost_backend_test_run){
		.threads = run->threads,
		.mix = run->mix,
		.count = run->count,
		.rate = run->rate,
		.seed = run->seed,
		.timeout_ms = run->timeout_ms,
	};
	spin_lock_init(&load->lock);
	init_waitqueue_head(&load->wait);
	load->kcov_handle = kcov_common_handle();
	for (i = 0; i < run->threads; i++) {
		struct load_thread *thread = &load->threads[i];

		thread->load = load;
		thread->number = i;
		prandom_seed_state(&thread->random, (u64)run->seed << 8 | i);
		err = create_thread(thread);
		if (err) {
			test_load_join(load);
			test_load_free(load);
			return ERR_PTR(err);
		}
		load->nr_threads++;
	}
	/*
	 * No thread runs before all were created. One that runs may wait for a reply
	 * of the caller, who could then not stop it when the next can't be created.
	 */
	for (i = 0; i < run->threads; i++)
		wake_up_process(load->threads[i].task);
	return load;
}

static void add_result(struct vhost_backend_test_run *sum,
		       const struct vhost_backend_test_run *result)
{
	sum->calls += result->calls;
	sum->errs += result->errs;
	sum->configs += result->configs;
	sum->sends += result->sends;
	sum->requests += result->requests;
	sum->answered += result->answered;
	sum->failed += result->failed;
	sum->refused += result->refused;
	sum->latency_sum_ns += result->latency_sum_ns;
	sum->latency_max_ns = max(sum->latency_max_ns, result->latency_max_ns);
	if (result->last_error)
		sum->last_error = result->last_error;
}

/**
 * test_load_report() - report what the threads have done so far
 * @load: the load
 * @run: out: the report
 */
void test_load_report(struct test_load *load, struct vhost_backend_test_run *run)
{
	unsigned long flags;
	u32 i;

	*run = load->run;
	spin_lock_irqsave(&load->lock, flags);
	for (i = 0; i < load->nr_threads; i++) {
		add_result(run, &load->threads[i].result);
		run->running += !load->threads[i].finished;
	}
	spin_unlock_irqrestore(&load->lock, flags);
}

static bool all_finished(struct test_load *load)
{
	bool finished = true;
	u32 i;

	spin_lock_irq(&load->lock);
	for (i = 0; i < load->nr_threads; i++)
		finished &= load->threads[i].finished;
	spin_unlock_irq(&load->lock);
	return finished;
}

/**
 * test_load_finish() - tell the threads to finish, and wait until they have
 * @load: the load
 *
 * The wait can be killed: the threads may wait for replies of the very process that
 * waits here.
 *
 * Return: 0. -EINTR: killed.
 */
int test_load_finish(struct test_load *load)
{
	WRITE_ONCE(load->stop, true);
	return wait_event_killable(load->wait, all_finished(load)) ? -EINTR : 0;
}

/**
 * test_load_join() - wait until all threads and requests have ended
 * @load: a load that has finished, or whose backend was shut down
 */
void test_load_join(struct test_load *load)
{
	u32 i;

	WRITE_ONCE(load->stop, true);
	for (i = 0; i < load->nr_threads; i++) {
		kthread_stop(load->threads[i].task);
		put_task_struct(load->threads[i].task);
	}
	/* The last async_done() may still hold the lock. */
	spin_lock_irq(&load->lock);
	spin_unlock_irq(&load->lock);
}

/**
 * test_load_free() - free a load
 * @load: a load after test_load_join()
 */
void test_load_free(struct test_load *load)
{
	kvfree(load);
}
