/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOST_BACKEND_MEMORY_H
#define VHOST_BACKEND_MEMORY_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/*
 * Memory of a size that user space chooses, to be freed with kvfree(). Where there is
 * not enough of it, SETUP fails: nothing is killed and no memory is compacted for it.
 */
static inline void *vhost_backend_zalloc(size_t bytes)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	return bytes > PAGE_SIZE ? __vmalloc(bytes, gfp) : kmalloc(bytes, gfp);
}

/* Likewise, for memory that user space maps: whole pages, whatever the size. */
static inline void *vhost_backend_zalloc_pages(size_t bytes)
{
	return __vmalloc(PAGE_ALIGN(bytes), GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN |
					    __GFP_RETRY_MAYFAIL);
}

#endif /* VHOST_BACKEND_MEMORY_H */
