// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose address space outlives it. A vhost device keeps the address space of
 * its owner. That may hold a mapped ring of io_uring, which keeps a channel that it is
 * to read, and the channel keeps the device that is bound to it: all of it for ever, once
 * the process is dead. Whoever holds a device therefore asks here when to let go.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "process.h"

/* Others look at an address space too, but not for so long. */
#define GRACE	HZ

/* Any thread's end may come here: look() asks whether it was the last. */
static int thread_ended(wait_queue_entry_t *hook, unsigned int mode, int sync, void *key)
{
	vhost_backend_process_look(container_of(hook, struct vhost_backend_process, hook));
	return 0;
}

enum life {
	DEAD,
	DYING,
	ALIVE,
};

/*
 * Kernel workers that are threads of the process do not count: a vhost device's worker
 * may be one, and ends only with the device.
 */
static enum life life_of(struct pid *pid)
{
	const unsigned int workers = PF_USER_WORKER | PF_IO_WORKER;
	struct task_struct *leader, *thread;
	enum life life = DEAD;

	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (!leader)
		goto out;
	for_each_thread(leader, thread) {
		unsigned int flags = READ_ONCE(thread->flags);

		if (flags & workers || READ_ONCE(thread->exit_state))
			continue;
		life = flags & PF_EXITING ? DYING : ALIVE;
		if (life == ALIVE)
			break;
	}
out:
	rcu_read_unlock();
	return life;
}

static void look(struct work_struct *work)
{
	struct vhost_backend_process *process =
		container_of(to_delayed_work(work), struct vhost_backend_process, look);
	enum life life = life_of(process->pid);

	if (life == DYING)
		vhost_backend_process_look(process);
	else if (life == DEAD && atomic_read(&process->mm->mm_users))
		process->outlived(process);
}

/**
 * vhost_backend_process_look() - the process may be dying
 * @process: watched
 *
 * It is looked at a second later. The kernel itself says so only of a process without
 * other threads, vhost workers included.
 *
 * Context: Any but NMI.
 */
void vhost_backend_process_look(struct vhost_backend_process *process)
{
	mod_delayed_work(vhost_backend_wq, &process->look, GRACE);
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
 * @process: its callback neither runs nor will, once this returns
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
