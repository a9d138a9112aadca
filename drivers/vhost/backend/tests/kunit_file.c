// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the files that may travel over a channel. What it tests is in kunit_request.c.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/magic.h>

#include "../compat.h"
#include "request_test.h"

struct kind_param {
	const char *name;
	umode_t i_mode;
	unsigned long magic;
	fmode_t f_mode;
	bool channel;
	bool allowed;
};

static const struct kind_param kinds[] = {
	{ "regular file", S_IFREG, EXT4_SUPER_MAGIC, MODE_RW, false, true },
	{ "memfd", S_IFREG, TMPFS_MAGIC, MODE_RW, false, true },
	{ "hugetlbfs", S_IFREG, HUGETLBFS_MAGIC, MODE_RW, false, true },
	{ "character device", S_IFCHR, TMPFS_MAGIC, MODE_RW, false, true },
	{ "block device", S_IFBLK, TMPFS_MAGIC, MODE_RW, false, true },
	{ "dma-buf", 0, DMA_BUF_MAGIC, MODE_RW, false, true },
	{ "dma-buf that says regular", S_IFREG, DMA_BUF_MAGIC, MODE_RW, false, true },
	{ "directory", S_IFDIR, EXT4_SUPER_MAGIC, MODE_R, false, false },
	{ "pipe", S_IFIFO, PIPEFS_MAGIC, MODE_RW, false, false },
	{ "fifo", S_IFIFO, EXT4_SUPER_MAGIC, MODE_RW, false, false },
	{ "socket", S_IFSOCK, SOCKFS_MAGIC, MODE_RW, false, false },
	{ "anonymous inode", 0, ANON_INODE_FS_MAGIC, MODE_RW, false, false },
	{ "anonymous inode that says regular", S_IFREG, ANON_INODE_FS_MAGIC, MODE_RW,
	  false, false },
	{ "pidfd that says regular", S_IFREG, PID_FS_MAGIC, MODE_RW, false, false },
	{ "O_PATH", S_IFREG, EXT4_SUPER_MAGIC, FMODE_PATH, false, false },
	{ "O_PATH of a dma-buf", 0, DMA_BUF_MAGIC, FMODE_PATH, false, false },
	{ "channel", S_IFCHR, TMPFS_MAGIC, MODE_RW, true, false },
};

static void kind_desc(const struct kind_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* The closed list of files: none that could hold the channel it lies in. */
static void file_is_allowed(struct kunit *test)
{
	const struct kind_param *param = test->param_value;
	struct file *file = request_make_file(test, param->f_mode, param->i_mode, param->magic);

	if (param->channel)
		file->f_op = &request_channel_fops;
	KUNIT_EXPECT_EQ(test, vhost_backend_file_allowed(file, &request_channel_fops),
			param->allowed);
}

static const struct file_operations real_fops = {};

/* Not only as faked above */
static void file_is_allowed_for_real(struct kunit *test)
{
	struct file *memfd = vhost_backend_shmem_file("kunit", SZ_4K);
	struct file *anon = anon_inode_getfile("kunit", &real_fops, NULL, O_RDWR);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, memfd);
	KUNIT_EXPECT_TRUE(test, vhost_backend_file_allowed(memfd, &request_channel_fops));
	fput(memfd);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, anon);
	KUNIT_EXPECT_FALSE(test, vhost_backend_file_allowed(anon, &request_channel_fops));
	fput(anon);
}

static struct kunit_case file_cases[] = {
	KUNIT_CASE_PARAM(file_is_allowed, kind_gen_params),
	KUNIT_CASE(file_is_allowed_for_real),
	{}
};

static struct kunit_suite file_suite = {
	.name = "vhost_backend_file",
	.test_cases = file_cases,
};

kunit_test_suite(file_suite);
