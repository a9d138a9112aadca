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

static struct vhost_backend_account *find_account(kuid_t uid)
{
	struct vhost_backend_account *account;

	list_for_each_entry(account, &accounts, node)
		if (uid_eq(account->uid, uid))
			return account;
	account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);
	if (!account)
		return NULL;
	account->uid = uid;
	list_add(&account->node, &accounts);
	return account;
}

/* capable() last: it is audited, and is asked only for what is over the limit. */
static bool over_limit(u32 count, u32 max)
{
	return count >= max && !capable(CAP_SYS_RESOURCE);
}

/**
 * vhost_backend_account_get() - charge a channel to the caller
 * @max_channels: how many the user may have
 *
 * Return: the user's account, or ERR_PTR(): -ENOMEM, -EMFILE over the limit.
 */
struct vhost_backend_account *vhost_backend_account_get(u32 max_channels)
{
	struct vhost_backend_account *account;

	mutex_lock(&accounts_lock);
	account = find_account(current_uid());
	if (!account) {
		account = ERR_PTR(-ENOMEM);
	} else if (over_limit(account->channels, max_channels)) {
		if (!account->channels) {
			list_del(&account->node);
			kfree(account);
		}
		account = ERR_PTR(-EMFILE);
	} else {
		account->channels++;
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
	if (!--account->channels) {
		list_del(&account->node);
		kfree(account);
	}
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
	bool added = false;

	mutex_lock(&accounts_lock);
	if (!over_limit(account->bindings, max_bindings)) {
		account->bindings++;
		added = true;
	}
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
