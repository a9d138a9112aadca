/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_PROCESS_H
#define VHOST_BACKEND_PROCESS_H

#include <linux/wait.h>
#include <linux/workqueue.h>

struct mm_struct;
struct pid;

/* A process that is watched for its end; see process.c. */
struct vhost_backend_process {
	/* Constant while watched. */
	struct pid *pid;
	struct mm_struct *mm;		/* only whether it has users matters */
	void (*outlived)(struct vhost_backend_process *process);

	wait_queue_entry_t hook;	/* on the pid's wait queue */
	struct delayed_work look;
	bool dead;			/* @look's own */
	unsigned long dead_since;	/* jiffies, where @dead */
};

void vhost_backend_process_watch(struct vhost_backend_process *process,
				 void (*outlived)(struct vhost_backend_process *process));
void vhost_backend_process_look(struct vhost_backend_process *process);
void vhost_backend_process_unwatch(struct vhost_backend_process *process);

#endif /* VHOST_BACKEND_PROCESS_H */
