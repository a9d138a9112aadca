/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of a user, as the administrator sets them, and users who meet them. */
#ifndef VHOST_BACKEND_USER_LIMITS_H
#define VHOST_BACKEND_USER_LIMITS_H

#include "requests.h"

#include <grp.h>
#include "child.h"

#define PARAMETERS	"/sys/module/vhost_backend/parameters/"
#define CHANNEL		"/tmp/channel"
#define DEVICE		"/tmp/device"
#define MIB		1048576L

/* Users that nothing else in the guest runs as. */
#define ONE		54321
#define OTHER		54322

static const struct {
	const char *name;
	const char *value;	/* by default */
} parameters[] = {
	{ "max_channels", "1024" },
	{ "max_memory", "1073741824" },
	{ "max_bindings", "65536" },
	{ "max_devices", "4096" },
	{ "max_ring_bytes", "16777216" },
	{ "reply_timeout_ms", "30000" },
};

/* Of the administrator, put back however the test ends. */
struct values {
	char before[ARRAY_SIZE(parameters)][32];
};

static inline int open_file(const char *folder, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return open(path, flags | O_CLOEXEC);
}

static inline bool read_file(const char *folder, const char *name, char *value, size_t size)
{
	int fd = open_file(folder, name, O_RDONLY);
	ssize_t n = read(fd, value, size - 1);

	close(fd);
	value[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static inline bool write_file(const char *folder, const char *name, const char *value)
{
	int fd = open_file(folder, name, O_WRONLY);
	ssize_t n = write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value);
}

static inline bool set_limit(const char *name, const char *value)
{
	return write_file(PARAMETERS, name, value);
}

/* A vhost device that every user may open, if there is one */
static inline bool device_for_all(void)
{
	struct stat st;

	if (stat("/dev/vhost-net", &st))
		return true;
	return !mknod(DEVICE, S_IFCHR, st.st_rdev) && !chmod(DEVICE, 0666);
}

/* Also, for users who may do nothing else: devices that they can open. */
static inline bool limits_begin(struct values *values)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!read_file(PARAMETERS, parameters[i].name, values->before[i],
			       sizeof(values->before[i])))
			return false;
	return !private_tmp() && !node_for_all(CHANNEL) && device_for_all();
}

static inline bool limits_end(const struct values *values)
{
	bool done = true;

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		done &= set_limit(parameters[i].name, values->before[i]);
	return done;
}

/* A child becomes @user, without capabilities, and can become another. */
static inline void become(uid_t user)
{
	child_check(!setresuid(0, 0, 0));
	child_check(!setgroups(0, NULL));
	child_check(!setresuid(user, user, 0));
}

static inline void open_channels(int *channels, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++) {
		channels[n] = open(CHANNEL, O_RDWR | O_CLOEXEC);
		child_check(channels[n] >= 0);
	}
}

static inline int set_up_large(int channel, uint32_t ring_bytes)
{
	return channel_setup(channel, (struct vhost_backend_setup){
		.ring_bytes = ring_bytes });
}

static inline int set_up(int channel)
{
	return set_up_large(channel, 0);
}

static inline bool is_new(int channel)
{
	struct vhost_backend_setup setup;

	return try_ioctl(channel, VHOST_BACKEND_GET_SETUP, &setup) == -ENOTCONN;
}

#endif
