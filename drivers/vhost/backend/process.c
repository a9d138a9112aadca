// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose address space outlives it. A vhost device keeps the address space of
 * its owner. A ring of io_uring may be mapped there, which keeps a channel that it reads,
 * and the channel keeps the device that is bound to it. Once the process is dead, all of
 * them would stay for ever. So code that holds a device watches the process here, and
 * lets go of the device when it is told.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "process.h"

/* Other users of a dead process's address space keep it for less time than this. */
#define GRACE	HZ

/* How often a process is looked at without an occasion */
#define INTERVAL	(5 * HZ)

/* May be called at the end of any thread: look() checks whether it was the last. */
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

static void look_again(struct vhost_backend_process *process, unsigned long delay)
{
	queue_delayed_work(vhost_backend_wq, &process->look, delay);
}

/* A process that has been dead for a second is outlived if its address space is in use. */
static void look(struct work_struct *work)
{
	struct vhost_backend_process *process =
		container_of(to_delayed_work(work), struct vhost_backend_process, look);
	enum life life = life_of(process->pid);

	if (life != DEAD) {
		look_again(process, life == ALIVE ? round_jiffies_relative(INTERVAL) : GRACE);
		return;
	}
	if (!process->dead) {
		process->dead = true;
		process->dead_since = jiffies;
	}
	if (time_before(jiffies, process->dead_since + GRACE))
		look_again(process, GRACE);
	else if (atomic_read(&process->mm->mm_users))
		process->outlived(process);
}

/**
 * vhost_backend_process_look() - the process may be dying
 * @process: watched
 *
 * It is looked at now, and every second while it is dying. The kernel wakes those who
 * watch a process only when it has no other thread, and a vhost worker may be one. Nor
 * does the channel tell of a process that has closed it and keeps it by a ring of
 * io_uring. So each process is also looked at every few seconds.
 *
 * Context: Any but NMI.
 */
void vhost_backend_process_look(struct vhost_backend_process *process)
{
	mod_delayed_work(vhost_backend_wq, &process->look, 0);
}

/**
 * vhost_backend_process_watch() - be told when the caller is outlived
 * @process: filled; stays where it is until vhost_backend_process_unwatch()
 * @outlived: called at least once, when the process has been dead for a second and its
 *	address space still has users. It is called in process context and may sleep.
 *	It must neither unwatch nor take a lock that is held over
 *	vhost_backend_process_unwatch(). Not called for a process whose address space
 *	is gone with it.
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
	process->dead = false;
	INIT_DELAYED_WORK(&process->look, look);
	init_waitqueue_func_entry(&process->hook, thread_ended);
	add_wait_queue(&process->pid->wait_pidfd, &process->hook);
	look_again(process, round_jiffies_relative(INTERVAL));
}

/**
 * vhost_backend_process_unwatch() - undo vhost_backend_process_watch()
 * @process: when this returns, its callback is not running and never runs again
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
