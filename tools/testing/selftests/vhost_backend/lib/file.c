// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

int make_file(unsigned int pages)
{
	int fd = memfd_create("vhost-backend-test", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)pages * PAGE)) {
		close(fd);
		return -1;
	}
	return fd;
}

int make_locked_file(int *watch)
{
	int file = make_file(1);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	*watch = open(path, O_RDWR | O_CLOEXEC);
	if (*watch < 0 || flock(file, LOCK_EX))
		return -1;
	return file;
}

bool file_is_held(int watch)
{
	if (flock(watch, LOCK_EX | LOCK_NB))
		return true;
	flock(watch, LOCK_UN);
	return false;
}

int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 3;
}

int try_mmap(int fd, size_t bytes, off_t offset)
{
	void *mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, offset);

	return mapping == MAP_FAILED ? -errno : munmap(mapping, bytes);
}

int limit_descriptors(int count, struct rlimit *old)
{
	struct rlimit limit;
	int fds[8], last = -1;

	if (getrlimit(RLIMIT_NOFILE, old))
		return -errno;
	/* Those that come next fill all gaps below the last of them. */
	for (int i = 0; i <= count; i++)
		fds[i] = dup(STDERR_FILENO);
	for (int i = 0; i <= count; i++) {
		last = fds[i];
		close(fds[i]);
	}
	limit = (struct rlimit){ .rlim_cur = last, .rlim_max = old->rlim_max };
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

static int open_file(const char *folder, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return open(path, flags | O_CLOEXEC);
}

bool read_file(const char *folder, const char *name, char *value, size_t size)
{
	int fd = open_file(folder, name, O_RDONLY);
	ssize_t n = read(fd, value, size - 1);

	close(fd);
	value[n > 0 ? n : 0] = '\0';
	return n > 0;
}

bool write_file(const char *folder, const char *name, const char *value)
{
	int fd = open_file(folder, name, O_WRONLY);
	ssize_t n = write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value);
}
