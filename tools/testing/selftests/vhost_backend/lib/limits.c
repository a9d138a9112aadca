// SPDX-License-Identifier: GPL-2.0-only
#include "limits.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "channel.h"
#include "child.h"

/* A vhost device that every user may open, if there is one */
static bool device_for_all(void)
{
	struct stat st;

	if (stat("/dev/vhost-net", &st))
		return true;
	return !mknod(DEVICE, S_IFCHR, st.st_rdev) && !chmod(DEVICE, 0666);
}

bool limits_begin(struct values *values)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!parameter_get(parameters[i].name, values->before[i],
				   sizeof(values->before[i])))
			return false;
	return !private_tmp() && !node_for_all(CHANNEL) && device_for_all();
}

bool limits_end(const struct values *values)
{
	bool done = true;

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		done &= parameter_set(parameters[i].name, values->before[i]);
	return done;
}

void become(uid_t user)
{
	child_check(!setresuid(0, 0, 0));
	child_check(!setgroups(0, NULL));
	child_check(!setresuid(user, user, 0));
}

void open_channels(int *channels, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++) {
		channels[n] = open(CHANNEL, O_RDWR | O_CLOEXEC);
		child_check(channels[n] >= 0);
	}
}

int set_up_large(int channel, uint32_t ring_bytes)
{
	return channel_setup(channel, (struct vhost_backend_setup){
		.ring_bytes = ring_bytes });
}

int set_up(int channel)
{
	return set_up_large(channel, 0);
}

bool is_new(int channel)
{
	struct vhost_backend_setup setup;

	return try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup) == -ENOTCONN;
}
