// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose. A sanitizer that does not work lets every test pass, so each has
 * to show that it reports the fault it is there for. Write the name of a fault to the
 * module parameter "fault" to commit it.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

#include "worker.h"

static int use_after_free(void)
{
	char *memory = kzalloc(64, GFP_KERNEL);
	char *stale = memory;

	if (!memory)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(stale);
	kfree(memory);
	READ_ONCE(stale[10]);
	return 0;
}

static int leak(void)
{
	return kzalloc(64, GFP_KERNEL) ? 0 : -ENOMEM;
}

static int lock_inversion(void)
{
	static DEFINE_MUTEX(first);
	static DEFINE_MUTEX(second);

	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

/* The inner lock may sleep on PREEMPT_RT. */
static int lock_nesting(void)
{
	static DEFINE_RAW_SPINLOCK(outer);
	static DEFINE_SPINLOCK(inner);

	raw_spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&inner);
	raw_spin_unlock(&outer);
	return 0;
}

static int sleep_in_atomic(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
	return 0;
}

static int overflow(void)
{
	int bits = 40, value;

	OPTIMIZER_HIDE_VAR(bits);
	value = 1 << bits;
	OPTIMIZER_HIDE_VAR(value);
	return 0;
}

static void nothing(struct timer_list *timer)
{
}

static int free_active(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, nothing, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
	return 0;
}

/* Two threads change the same word without a lock. */
struct race {
	void (*step)(unsigned long *word);
	unsigned long word;
};

static int race_along(void *data)
{
	struct race *race = data;

	while (!kthread_should_stop()) {
		race->step(&race->word);
		cond_resched();
	}
	return 0;
}

static int run_race(void (*step)(unsigned long *word))
{
	struct race race = { .step = step };
	struct task_struct *other = kthread_run(race_along, &race, "vhost-backend-r");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(other))
		return PTR_ERR(other);
	while (time_before(jiffies, end)) {
		step(&race.word);
		cond_resched();
	}
	kthread_stop(other);
	return 0;
}

static void race_step(unsigned long *word)
{
	*word += 1;
}

static int races(void)
{
	return run_race(race_step);
}

/* The word is ours, but the function that races on it is the kernel's. */
static void race_step_below(unsigned long *word)
{
	__bitmap_set(word, 1, 3);
}

static int races_below(void)
{
	return run_race(race_step_below);
}

static bool spoils;

/**
 * test_fault_spoil() - put uninitialised memory into a result
 * @data: the result that is about to be copied to user space
 * @bytes: its size, at most 32
 *
 * Does nothing until the fault "uninitialised" was committed.
 */
void test_fault_spoil(void *data, size_t bytes)
{
	u8 *heap = spoils ? kmalloc(64, GFP_KERNEL) : NULL;

	/* An allocator keeps its own data at the beginning of free memory. */
	if (heap)
		memcpy(data, heap + 32, bytes);
	kfree(heap);
}

/*
 * Prints bytes that were never written. The kernel has to fill such memory with a
 * pattern, by which a test recognises it.
 */
static int uninitialised(void)
{
	u8 stack[64];
	u8 *heap = kmalloc(64, GFP_KERNEL);
	u8 *page = (u8 *)__get_free_page(GFP_KERNEL);

	barrier_data(stack);
	if (heap && page)
		pr_info("never written: stack %02x, heap %02x, page %02x\n",
			stack[40], heap[40], page[40]);
	free_page((unsigned long)page);
	kfree(heap);
	spoils = true;
	return 0;
}

static const struct {
	const char *name;
	int (*commit)(void);
} faults[] = {
	{ "use-after-free", use_after_free },
	{ "leak", leak },
	{ "lock-inversion", lock_inversion },
	{ "lock-nesting", lock_nesting },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "overflow", overflow },
	{ "free-active", free_active },
	{ "data-race", races },
	{ "data-race-below", races_below },
	{ "uninitialised", uninitialised },
};

static int commit_fault(const char *name, const struct kernel_param *param)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (sysfs_streq(name, faults[i].name))
			return faults[i].commit();
	return -EINVAL;
}

static const struct kernel_param_ops fault_ops = {
	.set = commit_fault,
};

module_param_cb(fault, &fault_ops, NULL, 0200);
MODULE_PARM_DESC(fault, "commit the named fault, for a debug kernel to report; breaks the kernel");
