// SPDX-License-Identifier: GPL-2.0-only
/* Channels and workers, with error messages that tell the remedy. */
#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tool.h"

/* Same numbers on all architectures; older C libraries do not have them. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

#define PARAMETERS	"/sys/module/vhost_backend/parameters/"

/* What to do about an error; @what is the beginning of the argument of explain(). */
static const struct remedy {
	const char *what;
	int error;
	const char *text;
} remedies[] = {
	{ CHANNEL_PATH "-test", ENOENT,
	  "is vhost_backend_test loaded? modprobe vhost_backend_test" },
	{ CHANNEL_PATH "-test", EACCES, "only root may use the test worker" },
	{ CHANNEL_PATH, ENOENT, "is vhost_backend loaded? modprobe vhost_backend" },
	{ CHANNEL_PATH, ENODEV, "is vhost_backend loaded? modprobe vhost_backend" },
	{ CHANNEL_PATH, ENXIO, "is vhost_backend loaded? modprobe vhost_backend" },
	{ "setup", EMFILE,
	  "this user has too many channels: close some, or raise " PARAMETERS "max_channels" },
	{ "setup", E2BIG,
	  "use a smaller --ring-bytes, or raise " PARAMETERS "max_ring_bytes, max_memory" },
	{ "setup", EINVAL,
	  "--ring-bytes is a power of two; --accept of a map request needs shmem-unmap too" },
	{ "bind", EBUSY,
	  "the vring or the eventfd is bound already, or the eventfd is a KVM irqfd" },
	{ "bind", EINVAL,
	  "not an eventfd; iotlb: not a vhost device with O_NONBLOCK, or an index over 65535" },
	{ "bind", ERANGE, "raise --vrings" },
	{ "bind", EOPNOTSUPP, "the channel does not --accept this request" },
	{ "bind", EMFILE,
	  "this user has too many bindings: raise " PARAMETERS "max_bindings, max_devices" },
	{ "attach", EBUSY,
	  "another backend has these vrings: choose others with --vring-base and --vrings" },
	{ "attach", ERANGE, "the channel has fewer vrings: see --vring-base and --vrings" },
	{ "attach", EINVAL, "not a channel" },
	{ "attach", ENOTCONN, "the channel's owner has not set it up" },
	{ "process", ESRCH, "there is no such process" },
	{ "process", EPERM,
	  "this needs permission to ptrace the process: be its user, or root" },
	{ "process", EBADF, "the process has no such descriptor" },
	{ "statistics", ENOTTY, "not a channel" },
	{ "statistics", ENOTCONN, "the channel's owner has not set it up" },
};

static const char *remedy(const char *what, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].error == error &&
		    !strncmp(what, remedies[i].what, strlen(remedies[i].what)))
			return remedies[i].text;
	return NULL;
}

void explain(const char *what, int error)
{
	const char *text = remedy(what, error);

	fflush(stdout);
	fprintf(stderr, "vhost-backend: %s: %s%s%s\n", what, strerror(error),
		text ? ": " : "", text ? text : "");
}

/* Tells which group has access. getgrgid() would need shared libraries. */
static void explain_access(const char *path)
{
	FILE *groups = fopen("/etc/group", "re");
	struct group *group = NULL;
	struct stat st;

	if (stat(path, &st) || !(st.st_mode & 0060)) {
		fputs("vhost-backend: only root may use it; the udev rule admits group kvm\n",
		      stderr);
	} else {
		while (groups && (group = fgetgrent(groups)))
			if (group->gr_gid == st.st_gid)
				break;
		fprintf(stderr, "vhost-backend: group %s (%u) may use it: usermod -a -G %s USER\n",
			group ? group->gr_name : "?", st.st_gid,
			group ? group->gr_name : "GROUP");
	}
	if (groups)
		fclose(groups);
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int error = errno;

	if (fd >= 0)
		return fd;
	explain(path, error);
	if (error == EACCES)
		explain_access(path);
	exit(EXIT_MISSING);
}

/* Exits unless @ret is good, with the cause and the remedy. */
static void check(long ret, const char *what)
{
	if (ret >= 0)
		return;
	explain(what, -ret);
	exit(EXIT_FAILED);
}

int open_channel(struct vhost_backend_setup *setup)
{
	int fd = open_device(CHANNEL_PATH);
	long version = try_ioctl(fd, VHOST_BACKEND_GET_API_VERSION, NULL);

	check(version, CHANNEL_PATH);
	if (version != VHOST_BACKEND_API_VERSION)
		fail(EXIT_MISSING, "the module has API version %ld, this program is for %d",
		     version, VHOST_BACKEND_API_VERSION);
	check(try_ioctl(fd, VHOST_BACKEND_SETUP, setup), "setup");
	return fd;
}

int open_worker(int channel, const char *name, unsigned int vring_base,
		unsigned int nr_vrings)
{
	struct vhost_backend_test_attach attach = {
		.fd = channel, .vring_base = vring_base, .nr_vrings = nr_vrings,
	};
	int fd = open_device(WORKER_PATH);

	snprintf(attach.name, sizeof(attach.name), "%s", name);
	check(try_ioctl(fd, VHOST_BACKEND_TEST_ATTACH, &attach), "attach");
	return fd;
}

static int descriptor_of(pid_t pid, int fd)
{
	char what[64];
	int pidfd, ret;

	snprintf(what, sizeof(what), "process %d, descriptor %d", pid, fd);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	check(pidfd < 0 ? -errno : 0, what);
	ret = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	check(ret < 0 ? -errno : 0, what);
	close(pidfd);
	return ret;
}

int open_spec(const char *spec)
{
	const char *slash = strchr(spec, '/');
	uint64_t pid = 0, fd;

	if (slash && (number_parse(strndupa(spec, slash - spec), &pid) || !pid ||
		      pid > INT32_MAX))
		fail(EXIT_USAGE, "\"%s\" is not FD or PID/FD", spec);
	if (number_parse(slash ? slash + 1 : spec, &fd) || fd > INT32_MAX)
		fail(EXIT_USAGE, "\"%s\" is not FD or PID/FD", spec);
	if (pid)
		return descriptor_of(pid, fd);
	if (fcntl(fd, F_GETFD) < 0)
		fail(EXIT_FAILED, "descriptor %s is not open: inherit one, or name it as PID/FD",
		     spec);
	return fd;
}

static const struct value_name bind_sources[] = {
	{ VHOST_BACKEND_BIND_VRING_CALL, "vring-call" },
	{ VHOST_BACKEND_BIND_VRING_ERR, "vring-err" },
	{ VHOST_BACKEND_BIND_CONFIG, "config" },
	{ VHOST_BACKEND_BIND_IOTLB, "iotlb" },
};

static uint32_t bind_source(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(bind_sources); i++)
		if (!strcmp(bind_sources[i].name, name))
			return bind_sources[i].value;
	fail(EXIT_USAGE, "--bind: \"%s\" is not vring-call, vring-err, config or iotlb",
	     name);
}

void bind_spec(int channel, const char *spec)
{
	struct vhost_backend_bind bind = {};
	char *copy = strdupa(spec), *target, *peek, *index;
	char what[160];

	target = strchr(copy, '=');
	if (!target)
		fail(EXIT_USAGE, "--bind %s: expected SOURCE[:INDEX]=FD or PID/FD",
		     spec);
	*target++ = '\0';
	peek = strchr(target, ',');
	if (peek) {
		if (strcmp(peek, ",peek"))
			fail(EXIT_USAGE, "--bind %s: only \",peek\" may follow", spec);
		*peek = '\0';
		bind.flags = VHOST_BACKEND_BIND_PEEK;
	}
	index = strchr(copy, ':');
	if (index) {
		*index++ = '\0';
		bind.index = option_number("bind", index, 0, UINT32_MAX);
	}
	bind.source = bind_source(copy);
	bind.fd = open_spec(target);
	snprintf(what, sizeof(what), "bind %s", spec);
	check(try_ioctl(channel, VHOST_BACKEND_BIND, &bind), what);
	/* A copy would keep the eventfd, and so the binding, when its owner has closed it. */
	if (strchr(target, '/'))
		close(bind.fd);
}

int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == ETXTBSY))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
	return fd;
}

struct vhost_backend_stats get_stats(int channel)
{
	struct vhost_backend_stats stats;

	check(try_ioctl(channel, VHOST_BACKEND_GET_STATS, &stats), "statistics");
	return stats;
}
