// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits per user: channels that are READY and bindings.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "account.h"

static DEFINE_MUTEX(accounts_lock);
static LIST_HEAD(accounts);

/* The account of @uid; else @fresh, as his. */
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

static void drop_channel(struct vhost_backend_account *account)
{
	if (--account->channels)
		return;
	list_del(&account->node);
	kfree(account);
}

/* capable() last: it is audited, and is asked only for what is over the limit. */
static bool over_limit(u32 count, u32 max)
{
	return count > max && !capable(CAP_SYS_RESOURCE);
}

/**
 * vhost_backend_account_get() - charge a channel to the caller
 * @max_channels: how many the user may have
 *
 * Return: the user's account, or ERR_PTR(): -ENOMEM, -EMFILE over the limit.
 */
struct vhost_backend_account *vhost_backend_account_get(u32 max_channels)
{
	struct vhost_backend_account *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	struct vhost_backend_account *account;

	if (!fresh)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&accounts_lock);
	account = find_or_add(current_uid(), fresh);
	if (account != fresh)
		kfree(fresh);
	account->channels++;
	if (over_limit(account->channels, max_channels)) {
		drop_channel(account);
		account = ERR_PTR(-EMFILE);
	}
	mutex_unlock(&accounts_lock);
	return account;
}

/**
 * vhost_backend_account_put() - a channel is gone, and all its bindings before it
 * @account: from vhost_backend_account_get()
 */
void vhost_backend_account_put(struct vhost_backend_account *account)
{
	mutex_lock(&accounts_lock);
	drop_channel(account);
	mutex_unlock(&accounts_lock);
}

/**
 * vhost_backend_account_add_binding() - charge a binding
 * @account: of the channel
 * @max_bindings: how many the user may have
 *
 * Return: false if that is over the limit.
 */
bool vhost_backend_account_add_binding(struct vhost_backend_account *account,
				       u32 max_bindings)
{
	bool added;

	mutex_lock(&accounts_lock);
	added = !over_limit(account->bindings + 1, max_bindings);
	if (added)
		account->bindings++;
	mutex_unlock(&accounts_lock);
	return added;
}

/**
 * vhost_backend_account_drop_binding() - a binding is gone
 * @account: of the channel
 */
void vhost_backend_account_drop_binding(struct vhost_backend_account *account)
{
	mutex_lock(&accounts_lock);
	account->bindings--;
	mutex_unlock(&accounts_lock);
}
