// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose address space outlives it. A vhost device keeps that of its
 * owner, and in it a mapped ring of io_uring, that a channel which it is to read,
 * and that the device, which is bound to it: all of it for ever, once the process
 * is dead. Whoever holds a device therefore asks here when to let go.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "process.h"

/* Others look at an address space too, but not for so long. */
#define GRACE	HZ

/* Any thread's end may come here: look() asks whether it was the last. */
static int thread_ended(wait_queue_entry_t *hook, unsigned int mode, int sync, void *key)
{
	struct vhost_backend_process *process =
		container_of(hook, struct vhost_backend_process, hook);

	mod_delayed_work(system_wq, &process->look, GRACE);
	return 0;
}

static bool is_dead(struct pid *pid)
{
	struct task_struct *leader;
	bool dead;

	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	dead = !leader || (READ_ONCE(leader->exit_state) && thread_group_empty(leader));
	rcu_read_unlock();
	return dead;
}

static void look(struct work_struct *work)
{
	struct vhost_backend_process *process =
		container_of(to_delayed_work(work), struct vhost_backend_process, look);

	if (is_dead(process->pid) && atomic_read(&process->mm->mm_users))
		process->outlived(process);
}

/**
 * vhost_backend_process_watch() - be told when the caller is outlived
 * @process: filled; stays where it is until vhost_backend_process_unwatch()
 * @outlived: called, at least once, when the process is dead for a second and its
 *	address space still has users; in process context, may sleep, but may not
 *	unwatch, nor take a lock under which that is called. Not called for a process
 *	whose address space is gone with it.
 *
 * Context: Process context of a user process. Does not sleep.
 */
void vhost_backend_process_watch(struct vhost_backend_process *process,
				 void (*outlived)(struct vhost_backend_process *process))
{
	process->pid = get_task_pid(current, PIDTYPE_TGID);
	process->mm = current->mm;
	mmgrab(process->mm);
	process->outlived = outlived;
	INIT_DELAYED_WORK(&process->look, look);
	init_waitqueue_func_entry(&process->hook, thread_ended);
	add_wait_queue(&process->pid->wait_pidfd, &process->hook);
}

/**
 * vhost_backend_process_unwatch() - undo vhost_backend_process_watch()
 * @process: the callback neither runs nor will
 *
 * Context: Process context. May sleep.
 */
void vhost_backend_process_unwatch(struct vhost_backend_process *process)
{
	remove_wait_queue(&process->pid->wait_pidfd, &process->hook);
	cancel_delayed_work_sync(&process->look);
	mmdrop(process->mm);
	put_pid(process->pid);
}
