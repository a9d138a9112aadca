// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits per user: channels that are READY, their memory, and bindings.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "account.h"

static DEFINE_MUTEX(accounts_lock);
static LIST_HEAD(accounts);

/* The account of @uid. If there is none yet, @fresh becomes it. */
static struct vhost_backend_account *
find_or_add(kuid_t uid, struct vhost_backend_account *fresh)
{
	struct vhost_backend_account *account;

	list_for_each_entry(account, &accounts, node)
		if (uid_eq(account->uid, uid))
			return account;
	fresh->uid = uid;
	list_add(&fresh->node, &accounts);
	return fresh;
}

static void drop_channel(struct vhost_backend_account *account, u64 bytes)
{
	account->memory -= bytes;
	if (--account->channels)
		return;
	list_del(&account->node);
	kfree(account);
}

/* capable() is audited, so it is called only over the limit. */
static bool over_limit(u64 count, u64 max)
{
	return count > max && !capable(CAP_SYS_RESOURCE);
}

/**
 * vhost_backend_account_get() - charge a channel to the caller
 * @bytes: of memory that it takes
 * @max_channels: how many channels the user may have
 * @max_memory: how many bytes all of them may take
 *
 * Return: the user's account, or ERR_PTR(): -ENOMEM, -EMFILE too many channels,
 * -E2BIG too much memory.
 */
struct vhost_backend_account *vhost_backend_account_get(u64 bytes, u32 max_channels,
							u64 max_memory)
{
	struct vhost_backend_account *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	struct vhost_backend_account *account;
	int err = 0;

	if (!fresh)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&accounts_lock);
	account = find_or_add(current_uid(), fresh);
	if (account != fresh)
		kfree(fresh);
	account->channels++;
	account->memory += bytes;
	if (over_limit(account->channels, max_channels))
		err = -EMFILE;
	else if (over_limit(account->memory, max_memory))
		err = -E2BIG;
	if (err)
		drop_channel(account, bytes);
	mutex_unlock(&accounts_lock);
	return err ? ERR_PTR(err) : account;
}

/**
 * vhost_backend_account_put() - a channel is gone, and all its bindings before it
 * @account: from vhost_backend_account_get()
 * @bytes: as given there
 */
void vhost_backend_account_put(struct vhost_backend_account *account, u64 bytes)
{
	mutex_lock(&accounts_lock);
	drop_channel(account, bytes);
	mutex_unlock(&accounts_lock);
}

/* Adds a binding, and @devices devices: 0 or 1. */
static bool add_binding(struct vhost_backend_account *account, u32 max_bindings,
			u32 devices, u32 max_devices)
{
	bool added;

	mutex_lock(&accounts_lock);
	added = !over_limit(account->bindings + 1, max_bindings) &&
		!over_limit(account->devices + devices, max_devices);
	if (added) {
		account->bindings++;
		account->devices += devices;
	}
	mutex_unlock(&accounts_lock);
	return added;
}

static void drop_binding(struct vhost_backend_account *account, u32 devices)
{
	mutex_lock(&accounts_lock);
	account->bindings--;
	account->devices -= devices;
	mutex_unlock(&accounts_lock);
}

/**
 * vhost_backend_account_add_binding() - charge a binding
 * @account: of the channel
 * @max_bindings: how many bindings the user may have
 *
 * Return: false if the binding is over the limit.
 */
bool vhost_backend_account_add_binding(struct vhost_backend_account *account,
				       u32 max_bindings)
{
	return add_binding(account, max_bindings, 0, U32_MAX);
}

/**
 * vhost_backend_account_drop_binding() - a binding is gone
 * @account: of the channel
 */
void vhost_backend_account_drop_binding(struct vhost_backend_account *account)
{
	drop_binding(account, 0);
}

/**
 * vhost_backend_account_add_device() - charge a binding that takes a thread
 * @account: of the channel
 * @max_bindings: how many bindings the user may have
 * @max_devices: how many of them may have a thread
 *
 * Return: false if the binding is over either limit.
 */
bool vhost_backend_account_add_device(struct vhost_backend_account *account,
				      u32 max_bindings, u32 max_devices)
{
	return add_binding(account, max_bindings, 1, max_devices);
}

/**
 * vhost_backend_account_drop_device() - a binding that took a thread is gone
 * @account: of the channel
 */
void vhost_backend_account_drop_device(struct vhost_backend_account *account)
{
	drop_binding(account, 1);
}
